// Shows what the answers come to while they are given: name, tone, readers, and of each platform
// that is picked its limits. Everything it shows stands in the fields too.

const form = document.getElementById("step-form");
const card = document.getElementById("persona-card");

function answer(name) {
  const field = form.elements[name];
  if (field instanceof RadioNodeList) {
    const chosen = form.querySelector(`[name=${name}]:checked`);
    return chosen?.labels[0].firstChild.textContent ?? "";
  }
  return field.value;
}

function show() {
  for (const place of card.querySelectorAll("[data-of]")) {
    place.textContent = answer(place.dataset.of).trim() || place.dataset.empty;
  }
  const picked = new Set(new FormData(form).getAll("selected_platforms"));
  for (const line of card.querySelectorAll("[data-platform]")) {
    line.hidden = !picked.has(line.dataset.platform);
  }
  card.querySelector("[data-no-platform]").hidden = picked.size > 0;
  card.hidden = false;
}

if (card) {
  show();
  form.addEventListener("input", show);
  addEventListener("pageshow", show);
}
