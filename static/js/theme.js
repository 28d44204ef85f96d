// Changes the appearance at once; without this script the same buttons send a form.

const buttons = document.querySelectorAll("[data-theme-choice]");

for (const button of buttons) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const theme = button.dataset.themeChoice;
    const fixed = theme !== "auto";
    document.documentElement.dataset.theme = theme;
    document.querySelector("meta[name=color-scheme]").content = fixed ? theme : "light dark";
    const name = button.closest("[data-theme-cookie]").dataset.themeCookie;
    const secure = name.startsWith("__Host-") ? "; secure" : "";
    const age = fixed ? 31536000 : 0;
    document.cookie = `${name}=${theme}; path=/; samesite=lax; max-age=${age}${secure}`;
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
  });
}
