// A page that is left may stay in the browser's memory and come back by "Back", with what was typed
// in it. What is secret is taken out on leaving; a form that is being sent has been read by then.

addEventListener("pagehide", () => {
  for (const field of document.querySelectorAll("input[type=password]")) field.value = "";
  for (const shown of document.querySelectorAll("[data-secret]")) shown.remove();
});
