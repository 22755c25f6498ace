// Moves panels that were computed ahead: no kernel, and no request but for the panel's own file.
"use strict";

// Each panel's file calls workbookPanels[name] with {pieces, figures, lines}.
const workbookPanels = {};

for (const panel of document.querySelectorAll(".workbook-panel")) {
    const place = panel.querySelector(".workbook-place");
    const line = panel.querySelector(".workbook-line");
    const controls = [...panel.querySelectorAll("input, select")];
    const waiting = (workbookPanels[panel.dataset.name] ??= Object.assign(
        data => waiting.panels.forEach(take => take(data)), {panels: []}));
    let data, shown, asked = false;

    const stop = control => control.selectedIndex ?? Number(control.value);
    const stops = control => control.options?.length ?? Number(control.max) + 1;

    // The last control moves fastest in the lists of figures and lines.
    const at = () => controls.reduce((index, control) => index * stops(control) + stop(control), 0);

    const say = control => {
        if (!control.dataset.texts) return;
        const text = JSON.parse(control.dataset.texts)[stop(control)];
        control.setAttribute("aria-valuetext", text);
        control.parentElement.querySelector(".workbook-value").textContent = text;
    };

    const show = () => {
        controls.forEach(say);
        if (!data || at() === shown) return;
        shown = at();
        const runs = data.figures[shown], lines = [];
        for (let i = 0; i < runs.length; i += 2) lines.push(...data.pieces.slice(runs[i], runs[i] + runs[i + 1]));
        place.innerHTML = lines.join("\n");
        line.textContent = data.lines[shown];
    };

    const ask = () => {
        if (asked) return;
        asked = true;
        waiting.panels.push(content => {
            data = content;
            panel.classList.add("workbook-ready");
            show();
        });
        const script = document.createElement("script");
        script.src = panel.dataset.src;
        script.onerror = () => { line.textContent = "The numbers of this panel did not come: load the page again."; };
        document.head.append(script);
    };

    shown = at();
    panel.querySelector(".workbook-controls").hidden = false;
    panel.addEventListener("input", show);
    panel.addEventListener("focusin", ask);
    new IntersectionObserver((entries, watcher) => {
        if (!entries.some(entry => entry.isIntersecting)) return;
        watcher.disconnect();
        ask();
    }, {rootMargin: "600px"}).observe(panel);
}
