// Renews an open page when there is a new build, and shows what is wrong over the last good one.
"use strict";

const STYLE = `
  :host {
    all: initial; position: fixed; inset: auto 0 0; z-index: 2147483647; max-height: 60vh; overflow: auto;
    color-scheme: light dark; color: CanvasText; background: Canvas; border-top: .4rem solid light-dark(#b3261e, #f2928c);
    box-shadow: 0 0 1.5rem #0008; font: 1rem/1.5 system-ui, sans-serif;
  }
  section { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
  button { float: right; margin-left: 1rem; padding: .4rem 1rem; font: inherit; }
  h2 { margin: 0; font-size: 1.2rem; }
  ol { margin: .5rem 0 0; padding-left: 2rem; }
  li { margin: .5rem 0; }
  code { font: .95em ui-monospace, monospace; font-weight: bold; }
  :host(:focus-visible), :focus-visible { outline: 3px solid; outline-offset: -3px; }
`;
const PLACE = /^(\S+?:\d+): /;
let shown, source, panel;

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

function item(mistake) {
  const [, place] = PLACE.exec(mistake) ?? [];
  return place ? element("li", element("code", place), mistake.slice(place.length)) : element("li", mistake);
}

function hide(mistakes) {
  panel.remove();
  sessionStorage.hiddenMistakes = mistakes; // they stay hidden until they change
}

function show({ built, mistakes }) {
  panel?.remove();
  const key = JSON.stringify(mistakes);
  if (key === sessionStorage.hiddenMistakes) return;
  sessionStorage.removeItem("hiddenMistakes");
  if (!mistakes.length) return;
  const button = element("button", "Hide");
  const news = built ? "Put right before this is published:" : "Not built. You see the last good page. Put right:";
  const box = element("section", button, element("h2", news), element("ol", ...mistakes.map(item)));
  const style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  panel = element("div");
  panel.id = "mistakes";
  panel.tabIndex = 0; // so that the keyboard can scroll it
  panel.attachShadow({ mode: "open" }).adoptedStyleSheets = [style];
  panel.setAttribute("role", "alert");
  panel.setAttribute("aria-label", "Mistakes");
  panel.shadowRoot.append(box);
  button.onclick = () => hide(key);
  panel.onkeydown = ({ key: pressed }) => pressed === "Escape" && hide(key);
  document.body.append(panel);
}

// To put a new page's words into the open one takes half as long as to load it, and keeps what was typed.
async function renew(build) {
  const answer = await fetch(location);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Other styles would be refused: the policy that the open page came with names its own by their hash.
  if (page.head.innerHTML !== document.head.innerHTML) return location.reload();
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const same = page.getElementById(field.id);
    if (same) [same.value, same.checked] = [field.value, field.checked];
  }
  shown = build.shown;
  document.body.replaceWith(page.body);
  show(build);
}

function listen() {
  source = new EventSource("/live-reload");
  source.onmessage = ({ data }) => {
    const build = JSON.parse(data);
    shown ??= build.shown;
    if (build.shown === shown) show(build);
    else renew(build).catch(() => location.reload());
  };
}

// A hidden page lets go of its connection: a browser opens only six to one site, and tabs would use them up.
document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : listen()));
if (!document.hidden) listen();
