"""The worst contrast between a text and what lies behind it, as a script for the page (WCAG 2.2, 1.4.3)."""

WORST = """() => {
        const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        const luminance = (rgb) => {
          const [r, g, b] = rgb.map((value) => channel(value / 255));
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const parsed = (text) => text.match(/[\\d.]+/g).map(Number);
        const behind = (element) => {
          for (let at = element; at; at = at.parentElement) {
            const colour = parsed(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3);
          }
          return [255, 255, 255];
        };
        let worst = {ratio: 99};
        for (const element of document.querySelectorAll("body *")) {
          const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
          if (!own || element.closest("noscript, [disabled]")) continue;
          const [one, two] = [parsed(getComputedStyle(element).color).slice(0, 3), behind(element)].map(luminance);
          const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
          if (ratio < worst.ratio) worst = {ratio, text: element.textContent.trim().slice(0, 40)};
        }
        return worst;
      }"""
