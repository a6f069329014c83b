"""The five phases, pure: a `Delta` goes in, steps with their SQL come out. Nothing here connects to anything."""
