"""Stage three: TRL's SFTTrainer under guard."""
