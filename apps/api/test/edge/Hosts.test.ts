import { assert, describe, it } from "@effect/vitest"
import { allowedHost, hostName, isAllowed, origin } from "../../src/edge/Hosts.ts"

describe("a Host header", () => {
  it.each([
    ["api.example.com", "api.example.com"],
    ["API.Example.COM", "api.example.com"],
    ["api.example.com.", "api.example.com"],
    ["api.example.com:", "api.example.com"],
    ["api.example.com.:8000", "api.example.com"],
    ["user_service:8000", "user_service"],
    ["127.0.0.1:65535", "127.0.0.1"],
    ["[::1]:8000", "[::1]"],
    ["[2001:DB8::1]", "[2001:db8::1]"]
  ])("%j names %j", (host, name) => {
    assert.strictEqual(hostName(host), name)
  })

  it.each([
    "",
    ".",
    ":80",
    ".example.com",
    "a..example.com",
    "a.example.com..",
    "evil.com/.example.com",
    "evil.com\\.example.com",
    "evil.com?.example.com",
    "evil.com#.example.com",
    "evil.com:80/.example.com",
    "evil.com:80#.example.com",
    "a@example.com",
    "a:b@example.com",
    "a b.example.com",
    "a,b.example.com",
    "a%2e.example.com",
    "example.com:80:80",
    "example.com:x",
    "example.com:123456",
    "[::1",
    "::1",
    "[::1]x",
    "[evil.com]",
    "b\xfccher.example"
  ])("%j names none", (host) => {
    assert.isUndefined(hostName(host))
  })

  it("is allowed by its name, by a parent domain, and by an asterisk", () => {
    assert.isTrue(isAllowed("a.example.com", "a.example.com"))
    assert.isTrue(isAllowed("a.example.com", ".example.com"))
    assert.isTrue(isAllowed("example.com", ".example.com"))
    assert.isTrue(isAllowed("example.com", "*"))
    assert.isFalse(isAllowed("a.example.com", "example.com"))
    assert.isFalse(isAllowed("aexample.com", ".example.com"))
  })
})

describe("ALLOWED_HOSTS", () => {
  it.each([
    ["API2.Example.COM", "api2.example.com"],
    [".Internal.example.com", ".internal.example.com"],
    ["api.example.com.", "api.example.com"],
    ["api.example.com:8443", "api.example.com"],
    ["https://api.example.com", "api.example.com"],
    ["HTTP://API.example.com:8000/", "api.example.com"],
    ["b\xfccher.example", "xn--bcher-kva.example"],
    ["127.0.0.1:8000", "127.0.0.1"],
    ["::1", "[::1]"],
    ["[::0001]:8000", "[::1]"],
    ["user_service", "user_service"],
    ["*", "*"]
  ])("%j means %j", (item, name) => {
    assert.strictEqual(allowedHost(item), name)
  })

  it.each([
    ".",
    "..example.com",
    "*.example.com",
    "api.*.com",
    "https://",
    "ftp://api.example.com",
    "https://api.example.com/users",
    "api.example.com/users",
    "api.example.com?x",
    "api.example.com:x",
    "user@api.example.com",
    "a b",
    "a;b",
    "[::1",
    "[::g]"
  ])("%j means none", (item) => {
    assert.isUndefined(allowedHost(item))
  })
})

describe("CORS_ALLOWED_ORIGINS", () => {
  it.each([
    ["https://app.example.com", "https://app.example.com"],
    ["https://app.example.com/", "https://app.example.com"],
    ["HTTPS://App.Example.COM", "https://app.example.com"],
    ["https://app.example.com:443", "https://app.example.com"],
    ["http://app.example.com:80/", "http://app.example.com"],
    ["http://localhost:5173", "http://localhost:5173"],
    ["https://b\xfccher.example", "https://xn--bcher-kva.example"],
    ["http://[::0001]:3000", "http://[::1]:3000"],
    ["capacitor://localhost/", "capacitor://localhost"],
    ["chrome-extension://abcdefgh", "chrome-extension://abcdefgh"],
    ["*", "*"]
  ])("%j means %j", (item, written) => {
    assert.strictEqual(origin(item), written)
  })

  it.each([
    "app.example.com",
    "https://app.example.com/app",
    "https://app.example.com?x",
    "https://app.example.com#x",
    "https://user@app.example.com",
    "https://*.example.com",
    "https://a b",
    "https://",
    "https://app.example.com:99999",
    "file:///app",
    "wss://app.example.com",
    "null"
  ])("%j means none", (item) => {
    assert.isUndefined(origin(item))
  })
})
