"""Situations and alerts: policy, approval, texts and formats, and the channels that send them."""
