"""How a video is done, without knowing what decodes, sees, stores or schedules it."""
