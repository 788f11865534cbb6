"""When a photo was taken: boots, clock anchors, and the solver that computes takenAt from them."""
