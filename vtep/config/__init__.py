"""Configuration: options, TOML file and environment become one checked Config."""
