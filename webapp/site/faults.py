"""Why a page was not read, for the user: a code, and an English sentence."""

from webapp.site.marked import N_

SENTENCES: dict[str, str] = {
    "private_address": N_("This address is on a private network."),
    "dns_failed": N_("There is no website with the name “{host}”, or it could not be looked up."),
    "timed_out": N_("The page took longer than {seconds} seconds."),
    "refused_connection": N_("The site did not accept a connection."),
    "tls_failed": N_("The site has no valid certificate for a secure connection."),
    "too_many_redirects": N_("The site redirected more than {limit} times."),
    "too_large": N_("The page is too large to read."),
    "not_html": N_("The address leads to something other than a page of text ({content_type})."),
    "http_error": N_("The site answered with “{answer}”."),
    "bad_port": N_("Port {port} is not one that websites use."),
    "bad_scheme": N_("The site redirected to something other than a web page."),
    "bad_redirect": N_("The site redirected to an address that does not work."),
    "broken_response": N_("The site sent an answer that could not be understood."),
    "robots": N_(
        "The site asks programs like ours not to read this page (its robots.txt says so)."
    ),
    "robots_unreachable": (
        N_(
            "The site could not say what programs may read: its robots.txt answered with "
            "“{answer}”."
        )
    ),
    "busy": N_("This site is being read for others at the moment. Try again in a minute."),
}
"""Code -> the sentence, with the values that it is filled with."""
