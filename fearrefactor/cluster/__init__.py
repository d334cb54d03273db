"""Ray, and nothing else of Ray anywhere: actors that bind the pipeline, and what runs where."""
