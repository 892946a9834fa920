// Renews an open page when there is a new build, shows what is wrong over the last good one, and at its foot where it comes from.
"use strict";

const STYLE = `
  :host { all: initial; display: block; color-scheme: light dark; color: CanvasText; background: Canvas; font: 1rem/1.5 system-ui, sans-serif; }
  :host([role=alert]) {
    position: fixed; inset: auto 0 0; z-index: 2147483647; max-height: 60vh; overflow: auto;
    border-top: .4rem solid light-dark(#b3261e, #f2928c); box-shadow: 0 0 1.5rem #0008;
  }
  section, p { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
  p { display: flex; flex-wrap: wrap; justify-content: center; gap: 0 2rem; padding: .5rem 1rem; font-size: .875rem; }
  button { float: right; margin-left: 1rem; padding: .4rem 1rem; font: inherit; }
  h2 { margin: 0; font-size: 1.2rem; }
  ol { margin: .5rem 0 0; padding-left: 2rem; }
  li { margin: .5rem 0; }
  a { color: LinkText; }
  code { font: .95em ui-monospace, monospace; font-weight: bold; }
  :host(:focus-visible), :focus-visible { outline: 3px solid; outline-offset: -3px; }
  @media print { :host { display: none; } }
`;
const { file } = document.currentScript.dataset;
let shown, told, source, panel, foot;

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

// What is no part of the site has styles of its own, and the site's do not reach it.
function addedToPage(role, label, content) {
  const host = element("div");
  const style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  host.attachShadow({ mode: "open" }).adoptedStyleSheets = [style];
  host.setAttribute("role", role);
  host.setAttribute("aria-label", label);
  host.shadowRoot.append(content);
  document.body.append(host);
  return host;
}

function placed(place, link) {
  const code = element("code", place);
  return link ? Object.assign(element("a", code), { href: link }) : code;
}

function item({ place, link, sentences }) {
  return element("li", placed(place, link), sentences);
}

function hide(mistakes) {
  panel.remove();
  sessionStorage.hiddenMistakes = mistakes; // they stay hidden until they change
}

function show({ built, mistakes, link, state }) {
  foot?.remove();
  foot = addedToPage("complementary", "Preview", element("p", placed(file, link), ...(state ? [element("span", state)] : [])));
  foot.id = "preview";
  panel?.remove();
  const key = JSON.stringify(mistakes);
  if (key === sessionStorage.hiddenMistakes) return;
  sessionStorage.removeItem("hiddenMistakes");
  if (!mistakes.length) return;
  const button = element("button", "Hide");
  const news = built ? "Put right before this is published:" : "Not built. You see the last good page. Put right:";
  const box = element("section", button, element("h2", news), element("ol", ...mistakes.map(item)));
  panel = addedToPage("alert", "Mistakes", box);
  panel.id = "mistakes";
  panel.tabIndex = 0; // so that the keyboard can scroll it
  button.onclick = () => hide(key);
  panel.onkeydown = ({ key: pressed }) => pressed === "Escape" && hide(key);
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
  source = new EventSource(`/live-reload?file=${encodeURIComponent(file)}`);
  source.onmessage = ({ data }) => {
    if (data === told) return;
    told = data;
    const build = JSON.parse(data);
    shown ??= build.shown;
    if (build.shown === shown) show(build);
    else renew(build).catch(() => location.reload());
  };
}

// A hidden page lets go of its connection: a browser opens only six to one site, and tabs would use them up.
document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : listen()));
if (!document.hidden) listen();
