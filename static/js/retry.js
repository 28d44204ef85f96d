// A page that could not be served tries again by itself, as a plain GET, once somebody looks at it.

const WAIT = 10000;

function retry() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", retry, { once: true });
  } else {
    location.replace(location.href);
  }
}

setTimeout(retry, WAIT);
