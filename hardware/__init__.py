"""How the box is built: tables of its parts and wires, and what is made of them."""
