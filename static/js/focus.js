// After a refused save: focus goes to what is said at the top, and from its links to the fields.

const summary = document.getElementById("error-summary");

(summary ?? document.querySelector("[data-focus-on-load]"))?.focus();

summary?.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const control = link && document.getElementById(link.hash.slice(1));
  if (!control) return;
  event.preventDefault();
  // Scroll to the field as a whole, so that its label and its error are in view, not the box alone.
  (control.closest(".field") ?? control).scrollIntoView({ block: "start" });
  control.focus({ preventScroll: true });
});
