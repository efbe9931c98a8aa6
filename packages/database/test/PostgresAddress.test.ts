import { assert, describe, it } from "@effect/vitest"
import { parseUrl, placeOf, type PostgresAddress } from "@user-service/database/PostgresAddress"
import { Duration, Effect, Redacted, Result } from "effect"
import { Certificates } from "@user-service/database/testing/Certificates"
import { execFileSync } from "node:child_process"
import { dirname, join } from "node:path"
import process from "node:process"

const parse = (url: string) => parseUrl("DATABASE_URL", url)

const plain = ({
  applicationName,
  connectTimeout,
  database,
  host,
  options,
  password,
  port,
  user
}: PostgresAddress) => ({
  host,
  port,
  user,
  database,
  ...(password !== undefined && { password: Redacted.value(password) }),
  ...(applicationName !== undefined && { applicationName }),
  ...(options !== undefined && { options }),
  ...(connectTimeout !== undefined && { connectSeconds: Duration.toSeconds(connectTimeout) })
})

const base = { host: "h", port: 5432, user: "u", database: "db" }

describe("parseUrl", () => {
  const taken: ReadonlyArray<readonly [url: string, address: object]> = [
    ["postgres://u@h/db", base],
    ["postgresql://u@h/db", base],
    ["postgres://u:p@h:5433/db", { ...base, port: 5433, password: "p" }],
    ["postgres://u:@h:/db", base],
    // The database is named after its user.
    ["postgres://u@h", { ...base, database: "u" }],
    ["postgres://u@h/", { ...base, database: "u" }],
    ["postgres://u%40x:p%2F%3F%25@h/d%20b", { ...base, user: "u@x", password: "p/?%", database: "d b" }],
    ["postgres://u:a:b@c#d+e@h/db", { ...base, password: "a:b@c#d+e" }],
    ["postgres://u@DB.Example.com/db", { ...base, host: "DB.Example.com" }],
    ["postgres://u@127.0.0.1/db", { ...base, host: "127.0.0.1" }],
    ["postgres://u@[::1]/db", { ...base, host: "::1" }],
    ["postgres://u@[2001:db8::1]:6432/db", { ...base, host: "2001:db8::1", port: 6432 }],
    ["postgres://u@h/db?host=other&port=6432", { ...base, host: "other", port: 6432 }],
    ["postgres://u@h/db?port=&host=", base],
    ["postgres://u@h:1/db?port=6432", { ...base, port: 6432 }],
    ["postgres:///db?host=h&user=u&password=a+b%26c", { ...base, password: "a+b&c" }],
    ["postgres://?host=h&user=u&dbname=db", base],
    ["postgres://u@h?dbname=db", base],
    ["postgres://u@%2Fvar%2Frun%2Fpostgresql/db", { ...base, host: "/var/run/postgresql" }],
    ["postgres://u@%2Frun%2Fpg:6432/db", { ...base, host: "/run/pg", port: 6432 }],
    ["postgres://u@/db?host=/run/pg/&port=6432", { ...base, host: "/run/pg", port: 6432 }],
    [
      "postgres://u@h/db?application_name=a%20b&connect_timeout=7",
      { ...base, applicationName: "a b", connectSeconds: 7 }
    ],
    ["postgres://u@h/db?options=-c%20work_mem%3D8MB", { ...base, options: "-c work_mem=8MB" }]
  ]
  it.each(taken)("reads %s as libpq does", (url, address) => {
    assert.deepStrictEqual(Result.map(parse(url), plain), Result.succeed(address) as never)
  })

  const secret = "s3cret"
  const refused: ReadonlyArray<readonly [url: string, problem: RegExp]> = [
    ["", /^must be postgres:/],
    ["h", /^must be postgres:/],
    ["mysql://u@h/db", /^must be postgres:/],
    ["postgres://u@/db", /^its host must not be empty/],
    ["postgres://u@h1,,h2/db", /^its host must not be empty/],
    ["postgres://u@h1:1,h2:0/db", /^must have a port from 1 to 65535/],
    ["postgres://u@h1,h2,h3/db?port=1,2", /^must have one port, or one each host/],
    ["postgres://u@h1,h2/db?target_session_attrs=any", /^must have a target_session_attrs of read-write or primary/],
    ["postgres://u@h/db?host=h:1", /^its host must be without a port/],
    ["postgres://u@a%20b/db", /^its host must be a host name/],
    ["postgres://u@::1/db", /^must have its IPv6 address in brackets/],
    ["postgres://u@h:0/db", /^must have a port from 1 to 65535/],
    ["postgres://u@h:65536/db", /^must have a port/],
    ["postgres://u@h:x/db", /^must have a port/],
    [`postgres://u:50%off${secret}@h/db`, /^must have its password percent-encoded/],
    [`postgres://u:%E4${secret}@h/db`, /^must have its password percent-encoded/],
    [`postgres://u:%00${secret}@h/db`, /^must have its password percent-encoded/],
    ["postgres://50%off@h/db", /^must have its user percent-encoded/],
    ["postgres://u@h/50%off", /^must have its database percent-encoded/],
    [`postgres://u:${secret}/x@h/db`, /^must have a port .* %2F for \//],
    [`postgres://u:5${secret}?x@h/db`, /^must have .* %3F for \?/],
    [`postgres://u:5432/${secret}@h/db`, /^must have %2F for \//],
    ["postgres://u@h/db?schema=public", /^has the parameter schema in its query, which is not supported/],
    ["postgres://u@h/db?sslcert=x", /^has the parameter sslcert/],
    [`postgres://u:54?${secret}=x@h/db`, /^must have %2F/],
    [`postgres://u@h/db?password=a&${secret.replace("3", "e")}=b`, /^has the parameter in its query/],
    ["postgres://u@h/db?connect_timeout=0", /^must have a connect_timeout/],
    ["postgres://u@h/db?sslmode=allow", /^must have an sslmode of/],
    ["postgres://u@h/db?sslmode=", /^must have an sslmode of/],
    ["postgres://u@h/db?sslmode=verify-ca", /^must name a file as sslrootcert/],
    ["postgres://u@h/db?sslmode=verify-ca&sslrootcert=system", /^must name a file as sslrootcert/],
    ["postgres://u@h/db?sslrootcert=/nowhere/ca.pem", /^names an sslrootcert that cannot be read/]
  ]
  it.each(refused)("refuses %s", (url, problem) => {
    const found = Result.getOrUndefined(Result.flip(parse(url))) ?? ""
    assert.match(found, problem)
    assert.notMatch(found, /s[3e]cret/)
  })

  it("has one host, or several with a port each or one for all", () => {
    const hosts = (url: string) => Result.map(parse(url), (address) => address.hosts.map(placeOf))
    const urls = {
      "postgres://u@h/db": ["h:5432"],
      "postgres://u@h1:1,h2,[::1]:3/db": ["h1:1", "h2:5432", "[::1]:3"],
      "postgres://u@h1,h2/db?target_session_attrs=read-write": ["h1:5432", "h2:5432"],
      "postgres://u@/db?host=h1,h2&port=6432&target_session_attrs=primary": ["h1:6432", "h2:6432"],
      "postgres://u@h/db?host=h1,h2&port=1,2": ["h1:1", "h2:2"]
    }
    for (const [url, places] of Object.entries(urls)) assert.deepStrictEqual(hosts(url), Result.succeed(places), url)
  })

  it("the place of an address contains neither user nor password", () => {
    const placed = (url: string) => Result.map(parse(url), placeOf)
    assert.deepStrictEqual(placed("postgres://u:p@h/db"), Result.succeed("h:5432"))
    assert.deepStrictEqual(placed("postgres://u:p@[::1]/db"), Result.succeed("[::1]:5432"))
    assert.deepStrictEqual(placed("postgres://u:p@/db?host=/run/pg"), Result.succeed("/run/pg/.s.PGSQL.5432"))
  })
})

describe("sslmode", () => {
  it.layer(Certificates.layer)((it) => {
    it.effect("has the meaning of libpq, and requires sslrootcert for the modes that trust nothing else", () =>
      Effect.gen(function* () {
        const { ca, caFile } = yield* Certificates
        const modes = [
          ["", { mode: "disable" }],
          ["sslmode=disable", { mode: "disable" }],
          ["sslmode=prefer", { mode: "prefer" }],
          ["sslmode=require", { mode: "require" }],
          ["ssl=true", { mode: "require" }],
          [`sslmode=require&sslrootcert=${caFile}`, { mode: "verify-ca", ca: [ca] }],
          [`sslmode=verify-ca&sslrootcert=${caFile}`, { mode: "verify-ca", ca: [ca] }],
          [`sslmode=verify-full&sslrootcert=${caFile}`, { mode: "verify-full", ca: [ca] }],
          ["sslmode=verify-full", { mode: "verify-full", ca: undefined }]
        ] as const
        for (const [query, tls] of modes) {
          assert.deepStrictEqual(Result.getOrThrow(parse(`postgres://u@h/db?${query}`)).tls, tls, query)
        }
        assert.strictEqual(Result.getOrThrow(parse("postgres://u@h/db?sslrootcert=system")).tls.mode, "verify-full")
      })
    )

    it.effect("an sslrootcert that the mode does not use, or without a certificate, is refused", () =>
      Effect.gen(function* () {
        const { caFile, keyFile } = yield* Certificates
        const problemOf = (query: string) => Result.getOrUndefined(Result.flip(parse(`postgres://u@h/db?${query}`)))
        for (const mode of ["", "sslmode=disable&", "sslmode=prefer&"]) {
          assert.match(
            problemOf(`${mode}sslrootcert=${caFile}`) ?? "",
            /^must have sslmode=verify-full, .* sslrootcert/
          )
        }
        assert.match(
          problemOf(`sslmode=verify-full&sslrootcert=${keyFile}`) ?? "",
          /^names an sslrootcert that is no file/
        )
        if (process.platform !== "win32") {
          const pipe = join(dirname(keyFile), "pipe")
          execFileSync("mkfifo", [pipe])
          assert.match(
            problemOf(`sslmode=verify-full&sslrootcert=${pipe}`) ?? "",
            /^names an sslrootcert that is no file/
          )
        }
      })
    )
  })
})
