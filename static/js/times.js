// Shows times in the reader's own zone, also those that come into the page later. The server wrote
// them in UTC, and its words stay as the title.

const lang = document.documentElement.lang;
const sameLanguage = (one) => one.split("-")[0] === lang.split("-")[0];
const format = new Intl.DateTimeFormat(navigator.languages.find(sameLanguage) ?? lang, {
  day: "numeric",
  month: "long",
  year: "numeric",
  hour: "numeric",
  minute: "2-digit",
});

function show() {
  for (const time of document.querySelectorAll("time[datetime*=T]:not([title])")) {
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

show();
new MutationObserver(show).observe(document.body, { childList: true, subtree: true });
