"""Words for people, as data, in every language of the control room."""
