"""Playing: the only room that touches a simulator and a policy at once."""
