"""What collecting, training and playing agree on."""

CHUNK = 16
REPLAN = 8
RENDER_EVERY = 4
# Steps after which a demonstration has failed.
HORIZON = 240
SIZE = 128
STATE = ("eef_pos", "eef_rot6d", "gripper_qpos")
CAMERAS = ("agentview", "wrist")
# Denoising steps of the members that denoise, set before any of them was played.
STEPS = 5
# The arrays of one collecting process, a file each; ``index`` is (task, episode) of every look.
ARRAYS = ("images", "state", "actions", "objects", "index")
