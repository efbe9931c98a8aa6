import type { Person } from "../TestApi.ts"
import { nestedJson } from "./Oddities.ts"

const lines = (...head: ReadonlyArray<string>): string => `${head.join("\r\n")}\r\n\r\n`

const chunked = (text: string, size: number): string =>
  [...(text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? []), ""]
    .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
    .join("")

const get = (path: string, ...headers: ReadonlyArray<string>): string =>
  lines(`GET ${path} HTTP/1.1`, "Host: a", ...headers)

const login = "/api/v1/users/login/"
const json = "Content-Type: application/json"
const credentials = `{"email":"ada@example.com","password":"correct horse battery staple"}`

const post = (body: string, ...headers: ReadonlyArray<string>): string =>
  lines(`POST ${login} HTTP/1.1`, "Host: a", json, ...headers) + body

const measured = (body: string, length: string | number = body.length): string =>
  post(body, `Content-Length: ${length}`)

const inChunks = (body: string, ...headers: ReadonlyArray<string>): string =>
  post(body, "Transfer-Encoding: chunked", ...headers)

// A request that must not be taken for one when it stands in the body of another.
const smuggled = get("/health/live", "X-Request-Id: smuggled")

/** Good requests, for others to be made of. */
export const goodTexts = ({ access }: Person): ReadonlyArray<string> => {
  const authorization = `Authorization: Bearer ${access}`
  const change = `{"push_marketing":true,"frequency_limit":20}`
  const exchange = `{"refresh":"a.b.c"}`
  return [
    get("/health/live"),
    get("/api/v1/users/profile/", authorization),
    get("/api/v1/users/push-tokens/?page=1&limit=10", authorization, "Accept: */*"),
    get("/api/v1/users/push-tokens/01890000-0000-7000-8000-000000000000/", authorization),
    lines("HEAD /api/v1/users/profile/ HTTP/1.1", "Host: a", authorization),
    lines("OPTIONS /api/v1/users/login/ HTTP/1.1", "Host: a", "Origin: https://a.example"),
    measured(credentials),
    inChunks(chunked(credentials, 10)),
    lines(
      "PATCH /api/v1/users/preferences/ HTTP/1.1",
      "Host: a",
      json,
      authorization,
      'If-Match: "1"',
      `Content-Length: ${change.length}`
    ) + change,
    lines("POST /api/v1/users/token/refresh/ HTTP/1.1", "Host: a", json, `Content-Length: ${exchange.length}`) +
      exchange,
    get("/health/live") + get("/api/v1/users/profile/", authorization) + measured(credentials)
  ]
}

/** What an attack has in it: each must be refused, and what is in its body is no request. */
export const smugglingRequests: ReadonlyArray<string> = [
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 6", "Transfer-Encoding: chunked"),
  post(`0\r\n\r\n${smuggled}`, "Transfer-Encoding: chunked", "Content-Length: 6"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 5", "Transfer-Encoding: identity"),
  post(`0\r\n\r\n${smuggled}`, "Transfer-Encoding: xchunked"),
  post(`0\r\n\r\n${smuggled}`, "Transfer-Encoding: chunked, identity"),
  post(`0\r\n\r\n${smuggled}`, "Transfer-Encoding: identity, chunked, identity"),
  post(`0\r\n\r\n${smuggled}`, "Transfer-Encoding: chunked", "Transfer-Encoding: x"),
  post(`0\r\n\r\n${smuggled}`, "Transfer-Encoding : chunked"),
  post(`0\r\n\r\n${smuggled}`, " Transfer-Encoding: chunked"),
  post(`0\r\n\r\n${smuggled}`, "X: y\n Transfer-Encoding: chunked"),
  post(`0\r\n\r\n${smuggled}`, "Transfer-Encoding:\x0bchunked"),
  post(`0\r\n\r\n${smuggled}`, 'Transfer-Encoding: "chunked"'),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 5", "Content-Length: 6"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 5, 6"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: +5"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: -5"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 0x5"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 5 5"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 5\x00"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: 99999999999999999999"),
  post(`0\r\n\r\n${smuggled}`, "Content-Length: five"),
  post(`0\r\n\r\n${smuggled}`, "Content Length: 5"),
  inChunks(`5\r\nhello0\r\n\r\n${smuggled}`),
  inChunks(`5 \r\nhello\r\n0\r\n\r\n${smuggled}`),
  inChunks(`0x5\r\nhello\r\n0\r\n\r\n${smuggled}`),
  inChunks(`-5\r\nhello\r\n0\r\n\r\n${smuggled}`),
  inChunks(`ffffffffffffffffff\r\nhello\r\n0\r\n\r\n${smuggled}`),
  inChunks(`10000000000000005\r\nhello\r\n0\r\n\r\n${smuggled}`),
  inChunks(`5\nhello\n0\n\n${smuggled}`),
  inChunks(`\r\n5\r\nhello\r\n0\r\n\r\n${smuggled}`),
  inChunks(`5;a="\r\n"\r\nhello\r\n0\r\n\r\n${smuggled}`),
  get("/health/live", "Host: b", `Content-Length: ${smuggled.length}`) + smuggled
]

/** Requests that are hardly any, and those that are too much of one. */
export const strangeRequests: ReadonlyArray<string> = [
  "",
  "\r\n",
  "\r\n".repeat(1000),
  "\0".repeat(1000),
  "\xff".repeat(1000),
  "x".repeat(100_000),
  "GET /health/live\r\n",
  "GET\r\n\r\n",
  "GET /health/live HTTP/0.9\r\n\r\n",
  "GET /health/live HTTP/1.0\r\n\r\n",
  "GET /health/live HTTP/1.2\r\nHost: a\r\n\r\n",
  "GET /health/live HTTP/2.0\r\nHost: a\r\n\r\n",
  "GET /health/live HTTP/9\r\nHost: a\r\n\r\n",
  "GET /health/live http/1.1\r\nHost: a\r\n\r\n",
  "GET /health/live ICE/1.0\r\nHost: a\r\n\r\n",
  "get /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET  /health/live  HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /health/live HTTP/1.1 \r\nHost: a\r\n\r\n",
  "GET /health live HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /health/live HTTP/1.1\nHost: a\n\n",
  "GET /health/live HTTP/1.1\rHost: a\r\r",
  "GET /health/live HTTP/1.1\r\n\r\n",
  "GET /health/live HTTP/1.1\r\nHost:\r\n\r\n",
  "GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "GET /health/live HTTP/1.1\r\nHost: a\0b\r\n\r\n",
  "GET /health/live HTTP/1.1\r\nHost: a/../b?c#d@e\r\n\r\n",
  "GET /health\0/live HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET \xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://b/health/live HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET //health//live HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /health/live;a=b HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /health/live#a HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET ? HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
  "TRACE /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "\x05\x01\x00",
  "*1\r\n$4\r\nPING\r\n",
  "SSH-2.0-x\r\n",
  "EHLO a\r\n",
  get(`/${"a".repeat(15_000)}`),
  get(`/${"a".repeat(200_000)}`),
  get(`/?${"a&".repeat(7000)}`),
  get("/health/live", `X: ${"x".repeat(15_000)}`),
  get("/health/live", `X: ${"x".repeat(1_000_000)}`),
  get("/health/live", `${"x".repeat(20_000)}: y`),
  get("/health/live", ...Array.from({ length: 1500 }, (_, index) => `X${index}: y`)),
  get("/health/live", ...Array.from({ length: 3000 }, () => "X:")),
  get("/health/live", ...Array.from({ length: 50_000 }, (_, index) => `X${index}: y`)),
  get("/health/live", "X: a\r\n b"),
  get("/health/live", "X: a\r\n\tb", " c"),
  get("/health/live", "X: a\0b"),
  get("/health/live", "X\0: a"),
  get("/health/live", "X: a\rb"),
  get("/health/live", "X: a\nb: c"),
  get("/health/live", ": a"),
  get("/health/live", "X"),
  get("/health/live", "X a: b"),
  get("/health/live", "X\xff: \xff"),
  get("/health/live", "Expect: 100-continue"),
  get("/health/live", "Expect: 200-maybe"),
  get("/health/live", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"),
  get("/nowhere", "Upgrade: websocket", "Connection: Upgrade"),
  get(
    "/health/live",
    "Upgrade: h2c",
    "Connection: Upgrade, HTTP2-Settings",
    "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"
  ),
  get("/health/live", "Connection: \0"),
  get("/health/live", "Connection: close, keep-alive, x"),
  get("/health/live", "Authorization: Bearer \xff\xfe"),
  get("/health/live", "Content-Length: 0", "Transfer-Encoding: chunked"),
  `${get("/health/live", "Content-Length: 10")}0123456789`,
  get("/health/live", "Content-Length: 10"),
  get("/health/live").repeat(100),
  `${get("/health/live")}garbage\r\n\r\n`,
  `${get("/health/live", "Connection: close")}${get("/health/live")}`,
  `${measured(credentials)}${"\r\n".repeat(10)}${get("/health/live")}`,
  measured(credentials, credentials.length + 10),
  measured(credentials, credentials.length - 10),
  measured(credentials, 0),
  measured(credentials, 1_000_000_000),
  measured("", 10),
  measured(nestedJson.lists(10_000)),
  measured(`{"email":${nestedJson.lists(10_000)},"password":${nestedJson.objects(10_000)}}`),
  measured("[".repeat(50_000)),
  measured("x".repeat(5_000_000)),
  measured(`{"email":"\xff\xfe","password":"\xc3\x28"}`),
  post(credentials),
  post(credentials, "Expect: 100-continue", `Content-Length: ${credentials.length}`),
  post("", "Expect: 100-continue", "Content-Length: 1000000000"),
  post(credentials, "Expect: nothing", `Content-Length: ${credentials.length}`),
  post(credentials, "Content-Encoding: gzip", `Content-Length: ${credentials.length}`),
  inChunks(chunked(credentials, 1)),
  inChunks(chunked("x".repeat(20_000), 1)),
  inChunks(chunked("x".repeat(300_000), 60_000)),
  inChunks("5\r\n"),
  inChunks("5\r\nhel"),
  inChunks("5\r\nhello\r\n"),
  inChunks("0\r\n"),
  inChunks("g\r\n\r\n"),
  inChunks("7fffffff\r\nx"),
  inChunks("ffffffffffffffff\r\nx"),
  inChunks(`5;${"a".repeat(100_000)}\r\nhello\r\n0\r\n\r\n`),
  inChunks(`5;a=${"\0".repeat(10)}\r\nhello\r\n0\r\n\r\n`),
  inChunks(`0\r\nX: ${"x".repeat(100_000)}\r\n\r\n`),
  inChunks("0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello"),
  inChunks(chunked(credentials, 10), "TE: trailers", "Trailer: X"),
  inChunks(`${chunked(credentials, 10)}${get("/health/live")}`)
]

/** Requests that leave their server waiting for the rest. */
export const unfinishedRequests: ReadonlyArray<string> = [
  "",
  "GET /health/live HTTP/1.1\r\nHost: a\r\n",
  "GET /health/live HTTP/1.1\r\nHost: a\r\nX: ",
  measured(credentials, 1000),
  inChunks("5\r\nhel"),
  post("", "Expect: 100-continue", "Content-Length: 1000")
]

/** What to put into the middle of a good request. */
export const shards: ReadonlyArray<string> = [
  "\0",
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "\n\n",
  " ",
  "\t",
  ":",
  "\x0b\x0c\x85\xa0",
  "\xff\xfe",
  "%00",
  "Transfer-Encoding: chunked\r\n",
  "\r\nTransfer-Encoding: chunked\r\n",
  "Content-Length: 5\r\n",
  "\r\nContent-Length: 0\r\n",
  "\r\nContent-Length: 99999999999\r\n",
  "\r\nConnection: close\r\n",
  "\r\nExpect: 100-continue\r\n",
  "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
  "\r\n folded\r\n",
  "0\r\n\r\n",
  "ffffffffffffffff\r\n",
  "HTTP/1.1\r\n",
  "GET / HTTP/1.1\r\n\r\n",
  '"',
  "{",
  "[".repeat(100),
  "x".repeat(20_000)
]
