// What a reader who does not see, or does not use a mouse, would stumble over on the page as it stands.
() => {
  const found = [];
  const visible = (element) => element.checkVisibility({ checkVisibilityCSS: true, contentVisibilityAuto: true });
  const told = (element) => `<${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""}${element.name ? " name=" + element.name : ""} class="${element.className}"> ${(element.textContent || "").trim().slice(0, 40)}`;
  const named = (element) => {
    if (element.getAttribute("aria-label")) return true;
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(" ").every((id) => document.getElementById(id)?.textContent.trim());
    if (element.labels && element.labels.length > 0) return [...element.labels].some((label) => label.textContent.trim());
    return (element.textContent || "").trim() !== "" || !!element.querySelector("[aria-label]");
  };

  if (!document.documentElement.lang) found.push("the page names no language");
  if (!document.title.trim()) found.push("the page has no title");
  if (document.querySelectorAll("main").length !== 1) found.push("there is not one main part");
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((h) => visible(h) && !h.closest(".text, dialog, .preview")).map((h) => Number(h.tagName[1]));
  const main = [...document.querySelectorAll("main h1")].filter(visible);
  if (main.length !== 1) found.push(`there are ${main.length} first headings`);
  [...document.querySelectorAll("main :is(h1, h2, h3, h4, h5, h6)")].filter((h) => visible(h) && !h.closest(".text")).reduce((before, h) => {
    const level = Number(h.tagName[1]);
    if (level > before + 1) found.push(`heading level ${before} is followed by ${level}: ${told(h)}`);
    return level;
  }, 0);

  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (visible(field) && !named(field)) found.push(`a field without a label: ${told(field)}`);
  }
  for (const control of document.querySelectorAll("a[href], button, summary, [role=button]")) {
    if (visible(control) && !control.closest("[aria-hidden=true]") && !named(control)) found.push(`a control without a name: ${told(control)}`);
  }
  for (const label of document.querySelectorAll("label[for]")) {
    if (!document.getElementById(label.htmlFor)) found.push(`a label of nothing: ${told(label)}`);
  }
  for (const image of document.querySelectorAll("img:not([alt]), svg[role=img]:not([aria-label])")) found.push(`an image without words: ${told(image)}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`the id ${id} stands twice`);
  for (const element of document.querySelectorAll("[style], [onclick], script:not([src]), style")) found.push(`something inline: ${told(element)}`);

  for (const panel of document.querySelectorAll(".panel, .diff, .figures")) {
    if (visible(panel) && panel.scrollWidth > panel.clientWidth + 1) found.push(`something is cut off: ${told(panel)}`);
  }

  // Contrast of every text against the ground it stands on: 4.5, or 3 where it is large.
  const numbers = (colour) => {
    const parts = colour.match(/[\d.]+(e-?\d+)?/g).map(Number);
    return colour.startsWith("color(") ? [...parts.slice(0, 3).map((part) => part * 255), parts[3] ?? 1] : [...parts.slice(0, 3), parts[3] ?? 1];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !visible(element) || element.closest(".visually-hidden, .skip, [disabled], option, script")) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    const [bright, dark] = [light(over(numbers(style.color), below)), light(below)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < needed) faint.set(`${style.color} on ${below.slice(0, 3).map(Math.round)}`, `contrast ${ratio.toFixed(2)}: ${told(element)}`);
  }
  for (const [colours, text] of faint) found.push(`${text} (${colours})`);
  return found;
}
