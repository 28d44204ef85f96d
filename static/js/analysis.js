// Follows a website's analysis while it is queued or running. The element alone is replaced, so what
// is being typed in the form above stays; without this script the page offers a link or refreshes.

const FIRST_WAIT = 1500;
const LONGEST_WAIT = 10000;
const WORKING = ["queued", "in_progress"];

const section = () => document.getElementById("analysis");

// Resolves to the new element, or null when the answer holds none (the session moved on).
async function fetchSection(url) {
  const response = await fetch(url, { headers: { "X-Fragment": "1" }, cache: "no-store" });
  if (response.status >= 500 || response.status === 429) throw new Error(String(response.status));
  const answer = new DOMParser().parseFromString(await response.text(), "text/html");
  return answer.getElementById("analysis");
}

function replace(old, fresh) {
  // An unchanged state is left alone: no flicker, no lost focus, nothing read aloud again. The bar
  // moves on, and what is known so far comes in piece by piece.
  if (old.dataset.status === fresh.dataset.status) {
    for (const part of ["#analysis-progress", "#analysis-so-far"]) {
      const [was, is] = [old, fresh].map((one) => one.querySelector(part));
      if (was && is && was.innerHTML !== is.innerHTML) was.replaceWith(is);
    }
    return;
  }
  const hadFocus = old.contains(document.activeElement);
  old.replaceWith(fresh);
  // The page that shows the analysis alone has no form for "again" to belong to.
  for (const button of fresh.querySelectorAll("button")) if (!button.form) button.remove();
  if (hadFocus) fresh.focus();
  const announcement = document.getElementById("analysis-announcement");
  if (announcement) announcement.textContent = fresh.dataset.announcement;
}

async function follow(wait) {
  const old = section();
  if (!old || !WORKING.includes(old.dataset.status)) return;
  let next = Math.min(wait * 1.2, LONGEST_WAIT);
  if (!document.hidden) {
    try {
      const fresh = await fetchSection(old.dataset.url);
      if (!fresh) return;
      replace(old, document.adoptNode(fresh));
    } catch {
      next = LONGEST_WAIT; // the network or the server is away: ask again, but seldom
    }
  }
  setTimeout(follow, next, next);
}

setTimeout(follow, FIRST_WAIT, FIRST_WAIT);
