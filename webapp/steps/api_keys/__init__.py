"""Step 1: the keys of the providers that the product works with.

A key is sealed on the way in and never sent to a browser again: pages show the provider and the
last four characters.
"""

from webapp.steps.api_keys.form import ApiKeysForm, ProviderKey
from webapp.steps.api_keys.models import ApiKey
from webapp.steps.api_keys.providers import BY_NAME, LANGUAGE_MODELS, PROVIDERS, Provider
from webapp.steps.api_keys.step import ApiKeysStep

__all__ = [
    "BY_NAME", "LANGUAGE_MODELS", "PROVIDERS", "ApiKey", "ApiKeysForm", "ApiKeysStep", "Provider",
    "ProviderKey",
]  # fmt: skip
