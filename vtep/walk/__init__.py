"""Teaching without a network: one frame followed through the code that really forwards."""
