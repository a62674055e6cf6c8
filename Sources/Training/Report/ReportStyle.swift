extension Report {
  /// The style sheet of the page: a light and a dark color scheme, six colors for runs that are distinguishable with
  /// color vision deficiency (Okabe and Ito 2008, darkened for a white background), and tables and figures that scroll
  /// in their boxes on narrow screens.
  static let style = """
    \(colors)
    * { box-sizing: border-box; }
    body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--ground); color: var(--ink);
      font: 16px/1.5 system-ui, sans-serif; }
    h1 { margin: 0.5rem 0 0; font-size: 1.7rem; overflow-wrap: anywhere; }
    h2 { margin: 2.2rem 0 0.6rem; font-size: 1.25rem; overflow-wrap: anywhere; }
    header p, figcaption, .note { color: var(--faint); }
    p { max-width: 46rem; margin: 0.4rem 0 0.8rem; }
    .scroll { overflow-x: auto; max-width: 100%; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 1rem; }
    th, td { padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
    th { color: var(--faint); font-weight: 600; }
    th.word, td.word { text-align: left; }
    td small { color: var(--faint); }
    .legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; }
    .key { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 50%; }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
    figure { margin: 0; }
    .chart { background: var(--box); border-radius: 0.5rem; padding: 0.6rem 0.6rem 0.2rem; }
    .chart figcaption { font-size: 0.9rem; color: var(--ink); }
    svg { width: 100%; height: auto; display: block; }
    \(drawingStyle)
    .maps { margin: 0 0 1.4rem; display: flex; gap: 1.5rem; }
    .maps img { background: #fff; border-radius: 0.3rem; max-width: none; }
    dl { display: grid; grid-template-columns: max-content minmax(0, 46rem); gap: 0.3rem 1.2rem; } dt { font-weight: 600; } dd { margin: 0; }
    .front { max-width: 38rem; } a { color: var(--c0); }
    .points td:first-child, .points th:first-child { position: sticky; left: 0; background: var(--ground);
      white-space: normal; overflow-wrap: break-word; min-width: 11rem; max-width: 22rem; }
    .points th { vertical-align: bottom; white-space: normal; min-width: 6rem; } .points thead small { font-weight: 400; }
    details { margin-top: 1.5rem; } summary { cursor: pointer; }
    pre { background: var(--box); padding: 0.8rem; border-radius: 0.5rem; font-size: 0.85rem; }
    @media (max-width: 40rem) { body { padding: 0.7rem; } h1 { font-size: 1.35rem; } th, td { padding: 0.25rem 0.45rem; }
      dl { display: block; } dd { margin-bottom: 0.7rem; } .points td:first-child, .points th:first-child { min-width: 7rem; max-width: 9rem; } }
    """

  /// The colors, light and dark.
  static let colors = """
    :root { --ground: #fff; --ink: #1c1e21; --faint: #62676e; --rule: #d9dce0; --box: #f6f7f8;
      --c0: #0067a5; --c1: #b64b00; --c2: #007a5a; --c3: #a8458a; --c4: #7a6a00; --c5: #3f7fae; }
    @media (prefers-color-scheme: dark) { :root { --ground: #15171a; --ink: #e8eaed; --faint: #a2a8b0; --rule: #363b42;
      --box: #1d2024; --c0: #56b4e9; --c1: #ee8c3a; --c2: #2fc29a; --c3: #df91c2; --c4: #e4d14e; --c5: #9ccbe8; } }
    """

  /// The style of charts and drawings.
  static let drawingStyle = """
    svg text { fill: var(--faint); font-size: 12px; font-family: inherit; }
    polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
    polyline.raw { opacity: 0.28; stroke-width: 1; }
    .c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); }
    .c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); }
    circle.c0, .key.c0 { fill: var(--c0); background: var(--c0); } circle.c1, .key.c1 { fill: var(--c1); background: var(--c1); }
    circle.c2, .key.c2 { fill: var(--c2); background: var(--c2); } circle.c3, .key.c3 { fill: var(--c3); background: var(--c3); }
    circle.c4, .key.c4 { fill: var(--c4); background: var(--c4); } circle.c5, .key.c5 { fill: var(--c5); background: var(--c5); }
    .grid { stroke: var(--rule); } .guide { stroke: var(--faint); stroke-dasharray: 5 4; } .bar { opacity: 0.55; stroke-width: 1.5; }
    .edge { fill: none; stroke: var(--faint); } text.name { fill: var(--ink); paint-order: stroke; stroke: var(--ground); stroke-width: 3px; }
    .mark.hollow { fill: var(--ground); stroke-width: 2; } .mark.ink { stroke: var(--ink); fill: var(--ink); }
    .mark:not(.hollow) { stroke: var(--ground); } .mark.ink.hollow { fill: var(--ground); }
    .mark.c0:not(.hollow) { fill: var(--c0); } .mark.c1:not(.hollow) { fill: var(--c1); }
    .mark.c2:not(.hollow) { fill: var(--c2); } .mark.c3:not(.hollow) { fill: var(--c3); }
    .mark.c4:not(.hollow) { fill: var(--c4); } .mark.c5:not(.hollow) { fill: var(--c5); }
    """
}
