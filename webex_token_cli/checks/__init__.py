"""What is right and what is wrong with this machine: findings, from what is handed in."""
