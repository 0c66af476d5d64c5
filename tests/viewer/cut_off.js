// The page in, what cannot be read on it out: text that is cut off, leaves its panel, or overlaps.
() => {
  const found = [];
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest('[hidden], option, script')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width) texts.push({ text: node.textContent.trim(), box, parent });
    }
  }
  for (const { text, box, parent } of texts) {
    const frame = (parent.closest('section') ?? parent.closest('header') ?? document.body).getBoundingClientRect();
    if (box.left < frame.left - 1 || box.right > frame.right + 1) found.push(`leaves its panel: ${text}`);
    if (box.top < frame.top - 1 || box.bottom > frame.bottom + 1) found.push(`below its panel: ${text}`);
    for (let up = parent; up && up !== document.body; up = up.parentElement) {
      const clips = getComputedStyle(up).overflowX !== 'visible';
      if (clips && up.scrollWidth > up.clientWidth + 1 && up.namespaceURI.endsWith('xhtml')) {
        found.push(`cut off: ${text}`);
        break;
      }
    }
  }
  for (let one = 0; one < texts.length; one += 1) {
    for (let other = one + 1; other < texts.length; other += 1) {
      const [a, b] = [texts[one], texts[other]];
      if (a.parent.contains(b.parent) || b.parent.contains(a.parent)) continue;
      if (a.parent.closest('.table') && a.parent.closest('th')) continue; // heads stay above rows
      const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
      const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
      // Boxes of letters are higher than the letters; lines may touch.
      if (wide > 2 && high > 0.35 * Math.min(a.box.height, b.box.height)) found.push(`overlap: ${a.text} / ${b.text}`);
    }
  }
  return [...new Set(found)];
}
