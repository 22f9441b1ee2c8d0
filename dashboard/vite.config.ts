import { defineConfig } from 'vite';

/** Files with hashes in their names, addressed relative to `<base href>`, which the server fills in: one build for every prefix. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/ui',
    emptyOutDir: true,
    // The browsers of the last two and a half years.
    target: ['chrome118', 'firefox121', 'safari17.4'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: {
    // `npx vite dashboard`, with an API beside it.
    proxy: { '/v1': 'http://127.0.0.1:8280', '/ui/session': 'http://127.0.0.1:8280' },
  },
  plugins: [
    {
      // What the server fills in, when Vite itself serves the page.
      name: 'settings of development',
      apply: 'serve',
      transformIndexHtml: (html) =>
        html
          .replace('__BASE__', '/ui/')
          .replace('__CONFIG__', '{"auth":"none","read_only":false,"version":"0.0.0","events":true}'),
    },
  ],
});
