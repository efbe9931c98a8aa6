import { join } from "node:path"
import { defaultClientConditions, type UserConfig } from "vite"

/** The conditions of the exports of packages. */
export const conditions = ["@user-service/source", ...defaultClientConditions]

/** The configuration of Vite, for the build and for the development server. */
export const consoleConfig: UserConfig = {
  root: join(import.meta.dirname, "../src"),
  base: "/admin/",
  appType: "spa",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic" } },
  resolve: { conditions },
  build: {
    target: "es2024",
    // The policy of the page allows neither inline scripts nor inline styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      checks: { pluginTimings: false },
      onLog: (level, log, handle) => {
        // Each module of React libraries has the directive "use client", which only servers read.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") handle(level, log)
      }
    }
  },
  // `npm start` serves the API.
  server: { proxy: { "/api": "http://127.0.0.1:8000" } }
}
