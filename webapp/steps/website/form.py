"""The form of the website step."""

from collections.abc import Mapping
from typing import Any

from wtforms import BooleanField, StringField, TextAreaField, URLField
from wtforms.validators import ValidationError

from webapp.config import settings
from webapp.readings import address_fault
from webapp.site.address import AddressError, normalise
from webapp.texts import gettext as _
from webapp.texts import lazy_gettext as _l
from webapp.texts import ngettext
from webapp.wizard.forms import OneOf, StepForm, Text, strip


class WebsiteForm(StepForm):
    """A website, or a few words on the business in its place."""

    has_website = OneOf(
        _l("Do you have a website?"),
        choices=[("yes", _l("Yes")), ("no", _l("No, or not yet"))],
        required=_l("Choose “Yes” if you have a website, and “No, or not yet” if you have none."),
        description=_l("With a site we learn from your pages, without one from a description."),
    )
    website_url = URLField(
        _l("Address of your website"),
        filters=[strip],
        validators=[],
        description=_l(
            "For example example.com. Up to twelve public pages are read, in the background, and "
            "nothing on your site is changed."
        ),
        render_kw={"autocomplete": "url"},
    )
    use_analysis = BooleanField(
        _l("Build my persona from what is measured there"),
        default=True,
        description=_l(
            "Turn this off if the site does not sound as you want to sound. "
            "Then your own answers alone decide."
        ),
    )
    business_description = TextAreaField(
        _l("What does your business do?"),
        filters=[strip],
        validators=[Text(high=1000)],
        description=_l(
            "It stands in for a website: what we suggest for your persona comes from it. "
            "Two or three sentences are enough, 10 to 1,000 characters."
        ),
    )
    industry = StringField(
        _l("Industry (optional)"),
        filters=[strip],
        validators=[Text(high=100)],
        description=_l(
            "For example bakery, tax advice or open-source software. "
            "It helps to suggest a name for your persona. Up to 100 characters."
        ),
    )
    target_audience = TextAreaField(
        _l("Whom do you write for? (optional)"),
        filters=[strip],
        validators=[Text(high=500)],
        description=_l(
            "For example parents who bake with their children. It is filled in for you when we "
            "come to the persona. Up to 500 characters."
        ),
    )
    business_goals = TextAreaField(
        _l("What should your writing bring about? (optional)"),
        filters=[strip],
        validators=[Text(high=1000)],
        description=_l(
            "For example more orders, or fewer questions by telephone. Your persona keeps it in "
            "mind as its purpose. Up to 1,000 characters."
        ),
    )

    def validate_website_url(self, field: URLField) -> None:
        """Complete and check the address; without a website nothing in it matters."""
        if self.has_website.data == "no":
            field.data = ""
        elif field.data:
            try:
                field.data = normalise(field.data, settings().fetch_allow)
            except AddressError as error:
                raise ValidationError(address_fault(error)) from error
        elif self.has_website.data == "yes":
            raise ValidationError(_("Enter the address of your website, for example example.com."))

    def validate_business_description(self, field: TextAreaField) -> None:
        """Where there is no website, it must be long enough to say something."""
        length = len(field.data)
        if self.has_website.data == "no" and 0 < length < 10:
            raise ValidationError(
                ngettext(
                    "Write at least %(low)d characters. So far it is %(num)d.",
                    "Write at least %(low)d characters. So far there are %(num)d.",
                    length,
                    low=10,
                )
            )

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """The fields, then what one asks of the other."""
        good = super().validate(extra_validators)
        if self.has_website.data == "no" and not self.business_description.data:
            message = _(
                "Describe your business in a sentence or two, as there is no website to read."
            )
            self.add_errors({"business_description": [message]})
            good = False
        return good
