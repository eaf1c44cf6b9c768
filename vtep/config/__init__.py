"""Configuration: read flags, environment and TOML file into one validated Config."""
