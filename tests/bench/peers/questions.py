"""The questions of the six steps, as both peers ask them: those of Onward's own forms."""

STEPS = ("api-keys", "website", "research", "persona", "integrations", "finish")
PROVIDERS = (
    "gemini", "openai", "anthropic", "mistral", "exa", "tavily", "serper", "copilotkit",
)  # fmt: skip
YES_NO = ("yes", "no")
DEPTHS = ("Basic", "Standard", "Comprehensive", "Expert")
CONTENT_TYPES = ("Blog Posts", "Articles", "Social Media", "Emails", "Newsletters")
TONES = ("Professional", "Casual", "Technical", "Conversational", "Academic")
PLATFORMS = ("linkedin", "facebook", "twitter", "blog", "instagram", "medium", "substack")
CONNECTIONS = (
    "wordpress", "wix", "ghost", "gsc", "bing", "ga4", "rss", "linkedin", "facebook", "twitter",
    "instagram", "youtube",
)  # fmt: skip
