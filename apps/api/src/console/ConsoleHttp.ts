import { Effect, FileSystem, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { failure } from "../endpoints/Answers.ts"
import { consolePath } from "../endpoints/Routes.ts"
import { preferredEncoding } from "./AcceptEncoding.ts"
import { type ConsoleFile, readConsoleFiles } from "./ConsoleFiles.ts"

// No other host, no inline scripts and no inline styles.
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'"
].join("; ")

const contentTypes: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml"
}

const showAsset = (path: string, file: ConsoleFile, acceptEncoding: string | undefined) => {
  const encoding = preferredEncoding(acceptEncoding, (name) => file[name] !== undefined)
  return HttpServerResponse.uint8Array((encoding === undefined ? undefined : file[encoding]) ?? file.plain, {
    contentType: contentTypes[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream",
    headers: {
      // The name has a hash of the content.
      "cache-control": "public, max-age=31536000, immutable",
      vary: "accept-encoding",
      ...(encoding === undefined ? {} : { "content-encoding": encoding })
    }
  })
}

const showPage = (file: ConsoleFile) =>
  HttpServerResponse.uint8Array(file.plain, {
    contentType: "text/html; charset=utf-8",
    // `cache-control` is the `no-store` of all responses: after an update, a stored page would name assets that are gone.
    headers: { "content-security-policy": policy }
  })

/** The console of the staff: one page for all its links, and its assets. It has no data: the page requests it from the admin API. */
export const ConsoleHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    // Here, because the context of a request does not have it.
    const fileSystem = yield* FileSystem.FileSystem
    // On the first request: most processes never serve the console.
    const load = yield* Effect.cached(Effect.provideService(readConsoleFiles, FileSystem.FileSystem, fileSystem))

    const show = Effect.gen(function* () {
      const { headers, url } = yield* HttpServerRequest.HttpServerRequest
      const [path = ""] = url.slice(consolePath.length + 1).split("?", 1)
      const files = yield* load
      if (path.startsWith("assets/")) {
        const asset = files.get(path)
        return asset === undefined
          ? failure(404, "not_found", "No such file")
          : showAsset(path, asset, headers["accept-encoding"])
      }
      const page = files.get("index.html")
      return page === undefined ? yield* Effect.die("The console has no page") : showPage(page)
    })

    // The router adds the path without the slash too.
    yield* router.add("GET", `${consolePath}/*`, show)
  })
)
