// What can be checked of a page's accessibility by looking at the page itself.
({
  /** Texts whose contrast is below WCAG 2.2's 4.5 (3 where they are large), of how many. */
  contrast() {
    const parse = (text) => {
      const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
      return { r, g, b, a };
    };
    const mix = (top, below, key) => top[key] * top.a + below[key] * (1 - top.a);
    const over = (top, below) => ({ r: mix(top, below, "r"), g: mix(top, below, "g"), b: mix(top, below, "b"), a: 1 });
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const light = ({ r, g, b }) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const ratio = (one, other) => {
      const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    };
    const behind = (node) => {
      const layers = [];
      for (let at = node; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
      return layers.reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
    };
    const behindSvg = (text) => {
      const box = text.getBBox();
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const rects = [...text.ownerSVGElement.querySelectorAll("rect")].filter((rect) => {
        const place = rect.getBBox();
        const isAround = place.x <= x && x <= place.x + place.width && place.y <= y && y <= place.y + place.height;
        return isAround && getComputedStyle(rect).fill !== "none";
      });
      return rects.length ? parse(getComputedStyle(rects.at(-1)).fill) : behind(text.ownerSVGElement);
    };
    const poor = new Set();
    let seen = 0;
    for (const node of document.querySelectorAll("body *")) {
      const says = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
      const box = node.getBoundingClientRect();
      if (!says || box.width < 2 || box.height < 2 || !node.checkVisibility()) continue;
      seen += 1;
      const style = getComputedStyle(node);
      const isSvg = node instanceof SVGElement;
      const background = isSvg ? behindSvg(node) : behind(node);
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const got = ratio(over(parse(isSvg ? style.fill : style.color), background), background);
      if (got < (isLarge ? 3 : 4.5)) poor.add(`${node.tagName} "${node.textContent.slice(0, 30)}": ${got.toFixed(2)}`);
    }
    return { seen, poor: [...poor] };
  },

  /** What is to be touched, and is lower than 44 px. */
  smallTargets() {
    const targets = "button, .button, select, input:not([type=checkbox]), textarea, label.check, summary, [role=option], .octet";
    return [...document.querySelectorAll(targets)]
      .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 43.9)
      .map((node) => node.outerHTML.slice(0, 90));
  },

  /** What stands out of the window to the right, and in nothing that scrolls. */
  tooWide() {
    return [...document.querySelectorAll("body *")]
      .filter((node) => !node.parentElement.closest(".scroll, svg, .frame-list, .hidden-text"))
      .filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5)
      .map((node) => node.outerHTML.slice(0, 90));
  },

  /** Texts of the topology that stand out of their boxes. */
  outOfBox() {
    const drawing = document.querySelector(".topology svg");
    const boxes = [...drawing.querySelectorAll("rect")].map((rect) => rect.getBBox());
    return [...drawing.querySelectorAll("text")].filter((text) => {
      const { x, y, width, height } = text.getBBox();
      const isAround = (box) => box.x < x + width / 2 && x + width / 2 < box.x + box.width && box.y < y + height / 2 && y + height / 2 < box.y + box.height;
      const box = boxes.filter(isAround).at(-1);
      return !box || x < box.x || x + width > box.x + box.width;
    }).map((text) => text.textContent);
  },

  /** What has a role, and no name. */
  nameless() {
    const named = "button, a, select, input, textarea, section, table, [role=listbox], [role=grid], [role=region], [role=img]";
    const texts = (nodes) => nodes.map((node) => node?.textContent.trim() ?? "").join(" ").trim();
    const nameOf = (node) => {
      const by = (node.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id));
      const around = node.tagName === "TABLE" ? node.closest("[role=region]") : null;
      return node.getAttribute("aria-label") || texts(by) || texts([...(node.labels ?? [])])
        || (["BUTTON", "A"].includes(node.tagName) ? node.textContent.trim() : "")
        || texts([node.caption ?? null]) || (around ? nameOf(around) : "")
        || (node.classList.contains("flags") ? texts([node.previousElementSibling]) : "");
    };
    return [...document.querySelectorAll(named)]
      .filter((node) => node.checkVisibility() && !node.closest("[aria-hidden=true]") && !nameOf(node))
      .map((node) => node.outerHTML.slice(0, 90));
  },

  /** Ids that are there twice or not at all, headings that are skipped, grids without one way in. */
  broken() {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const ids = all("[id]").map((node) => node.id);
    const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `${id} is there twice`);
    const pointing = ["aria-labelledby", "aria-describedby", "aria-activedescendant", "for"];
    const dangling = pointing.flatMap((name) => all(`[${name}]`)
      .flatMap((node) => node.getAttribute(name).split(" "))
      .filter((id) => !document.getElementById(id))
      .map((id) => `${name} ${id}`));
    const levels = all("h1, h2, h3").map((node) => Number(node.tagName[1]));
    const jumps = levels.filter((level, at) => at && level > levels[at - 1] + 1).map((level) => `a jump to h${level}`);
    const closed = all("[role=grid]").filter((grid) => grid.querySelectorAll("[tabindex='0']").length !== 1);
    const lost = all("[role=gridcell]").filter((cell) => !cell.closest("[role=row]"));
    return [...twice, ...dangling, ...jumps, ...[...closed, ...lost].map((node) => node.outerHTML.slice(0, 90))];
  },
})
