// Keeps what is being typed as the step's draft: after a pause, and on leaving the page. Secrets
// never leave the form this way. The page's own id lets the server drop a draft that comes late.

const form = document.getElementById("step-form");
const status = document.getElementById("draft-status");
const PAUSE = 2000;

const newId = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
let timer;
let unsent = false;
let leaving = false;

const idOfPage = document.createElement("input");
idOfPage.type = "hidden";
idOfPage.name = "page";
idOfPage.value = newId();
form.append(idOfPage);

function typed() {
  const data = new FormData(form);
  for (const secret of form.querySelectorAll("input[type=password]")) data.delete(secret.name);
  return new URLSearchParams(data);
}

async function send(options = {}) {
  clearTimeout(timer);
  if (!unsent || leaving) return;
  unsent = false;
  try {
    const answer = await fetch(form.dataset.draft, { method: "POST", body: typed(), ...options });
    if (answer.status !== 204) throw new Error(answer.status);
    const time = new Date().toLocaleTimeString(document.documentElement.lang, {
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    });
    const kept = answer.headers.get("X-Draft") !== "none";
    status.textContent = kept ? status.dataset.saved.replace("{time}", time) : "";
  } catch {
    unsent = true; // the next pause, or leaving the page, tries again
  }
}

form.addEventListener("input", (event) => {
  if (event.target.type === "password") return;
  unsent = true;
  clearTimeout(timer);
  timer = setTimeout(send, PAUSE);
});
form.addEventListener("submit", () => {
  leaving = true; // the post takes everything along
});
addEventListener("pageshow", (event) => {
  leaving = false;
  if (event.persisted) idOfPage.value = newId(); // back again: what follows is new typing
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") send({ keepalive: true });
});
addEventListener("pagehide", () => send({ keepalive: true }));
