"""`make demo`: deploys a stack in the lab, for real, and shows the post's table as measured."""
