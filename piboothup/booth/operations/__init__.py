"""What the operator's menu does: the action runner, the self-test, what can be chosen."""
