import { assert, describe, it } from "@effect/vitest"
import { DCLinter } from "dclint"
import { Effect, Option } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import process from "node:process"
import { parseEnv } from "node:util"
import { parse } from "yaml"
import { enabled, load, root, secondsOf } from "./ComposeModel.ts"
import { rules } from "./MonitoringFiles.ts"
import { internalPaths, publicPaths } from "./PublicPaths.ts"
import { apiSettings, names, workerSettings } from "./Settings.ts"

const read = (path: string) => readFileSync(join(root, path), "utf8")

const base = ["docker-compose.yml"]
const withProduction = [...base, "infra/compose/production.yml"]

const dotEnv = parseEnv(read(".env"))
const requiredInProduction = Object.keys(parseEnv(read("infra/compose/production.env.example"))).filter(
  (name) => name !== "COMPOSE_PROFILES"
)
const secret = (name: string) => `${name.toLowerCase().replaceAll("_", "")}5f2b9c1e8a4d7063f5b2c9e18a4d7063`
const valueOf = (name: string) => (/_(?:FILE|FOLDER)$/.test(name) ? `/srv/${name.toLowerCase()}` : secret(name))
const productionEnvironment: Readonly<Record<string, string>> = {
  ...Object.fromEntries(requiredInProduction.map((name) => [name, valueOf(name)])),
  PUBLIC_URL: "https://users.example.com",
  ADMIN_ALLOWED_NETWORKS: "192.0.2.0/24"
}

const development = load(base)
const production = load(withProduction, productionEnvironment)
const models = [
  { name: "development", model: development },
  { name: "production", model: production }
]
const servicesOf = ({ services }: typeof development) =>
  Object.entries(services).map(([name, service]) => ({ name, ...service }))
const isOurs = ({ image }: { readonly image: string }) => image.startsWith("user-service-")

const proxy = read("infra/proxy/haproxy.cfg")

// The rules that are off are matters of order and quotes, or are tested more exactly below (images, ports).
const linter = new DCLinter({
  rules: {
    "no-build-and-image": 0,
    "no-unbound-port-interfaces": 0,
    "require-project-name-field": 0,
    "require-quotes-in-ports": 0,
    "service-dependencies-alphabetical-order": 0,
    "service-keys-order": 0,
    "services-alphabetical-order": 0,
    "top-level-properties-order": 0
  },
  quiet: true,
  debug: false,
  exclude: []
})
// The declarations of dclint do not resolve in an ECMAScript module, so its types are stated here.
interface LintedFile {
  readonly filePath: string
  readonly messages: ReadonlyArray<{ readonly line: number; readonly message: string }>
}
const problemsOf = (paths: ReadonlyArray<string>) => {
  const files: ReadonlyArray<LintedFile> = linter.lintFiles([...paths], false)
  return files.flatMap(({ filePath, messages }) =>
    messages.map(({ line, message }) => `${filePath}:${line} ${message}`)
  )
}

interface ScrapeConfig {
  readonly job_name: string
  readonly authorization?: { readonly credentials_file: string }
}

interface Configuration {
  readonly alerting?: {
    readonly alertmanagers: ReadonlyArray<{
      readonly static_configs: ReadonlyArray<{ readonly targets: ReadonlyArray<string> }>
    }>
  }
  readonly scrape_configs: ReadonlyArray<ScrapeConfig>
}

interface Route {
  readonly receiver: string
  readonly matchers?: ReadonlyArray<string>
  readonly routes?: ReadonlyArray<Route>
}

describe("the Compose files", () => {
  it("are valid by the published schema and the rules of dclint", () => {
    assert.deepStrictEqual(problemsOf(withProduction.map((path) => join(root, path))), [])
  })

  it("would be refused with a field that the schema does not have", () => {
    const folder = mkdtempSync(join(tmpdir(), "compose-"))
    try {
      const path = join(folder, "docker-compose.yml")
      writeFileSync(path, read("docker-compose.yml").replace("healthcheck:", "healtcheck:"))
      assert.match(problemsOf([path]).join("\n"), /additional properties/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("start everything by default, and the engines alone with their profile", () => {
    assert.deepStrictEqual({ ...dotEnv }, { COMPOSE_PROFILES: "all" })
    const profiles = dotEnv["COMPOSE_PROFILES"]?.split(",") ?? []
    const all = Object.keys(development.services)
    assert.deepStrictEqual(
      enabled(development, profiles),
      all.filter((name) => name !== "cli")
    )
    assert.deepStrictEqual(enabled(development, ["engines"]), ["postgres", "redis", "rabbitmq"])
    assert.deepStrictEqual(enabled(development, profiles, ["cli"]), ["postgres", "cli"])
  })

  it("have a profile for every service, since one without would always start", () => {
    assert.deepStrictEqual(
      servicesOf(development).filter(({ profiles = [] }) => profiles.length === 0),
      []
    )
  })

  it("depend on services that start together, and on conditions that can come true", () => {
    for (const profile of ["all", "engines"]) {
      const running = enabled(development, [profile])
      for (const name of running) {
        for (const [dependency, { condition }] of Object.entries(development.services[name]?.depends_on ?? {})) {
          assert.include(running, dependency, `${name} needs it`)
          const { build, healthcheck, restart } = development.services[dependency] ?? { restart: "" }
          if (condition === "service_completed_successfully") assert.strictEqual(restart, "no")
          else {
            assert.strictEqual(condition, "service_healthy")
            // DeploymentFiles.test.ts tests that the images have a health check.
            assert.isTrue(healthcheck !== undefined || build !== undefined, dependency)
          }
        }
      }
    }
  })

  it("say of every service that runs whether it is healthy", () => {
    const without = enabled(production, ["all"]).filter((name) => {
      const { build, healthcheck } = production.services[name] ?? {}
      // DeploymentFiles.test.ts tests that the images of the API and the worker have a health check.
      return healthcheck === undefined && build?.target !== "api" && build?.target !== "worker"
    })
    assert.deepStrictEqual(without, ["migrate"])
  })

  it("use volumes, networks and secrets that are declared", () => {
    for (const { model } of models) {
      for (const { name, networks, secrets = [], volumes = [] } of servicesOf(model)) {
        for (const [source = ""] of volumes.map((volume) => volume.split(":"))) {
          if (source.startsWith(".")) assert.isTrue(existsSync(join(root, source)), source)
          else if (!source.startsWith("/")) assert.property(model.volumes, source, name)
        }
        for (const network of Array.isArray(networks) ? networks : Object.keys(networks)) {
          assert.property(model.networks, network, name)
        }
        for (const secret of secrets) assert.property(model.secrets ?? {}, secret, name)
      }
    }
  })

  it("limit every service, and give none more rights than it needs", () => {
    for (const { cap_drop: dropped, profiles, read_only: readOnly, security_opt: options, ...service } of servicesOf(
      production
    )) {
      assert.deepStrictEqual(options, ["no-new-privileges:true"], service.name)
      assert.isNotEmpty(service.deploy.resources.limits.memory)
      // The images of the engines change the owner of their volume at the start.
      if (profiles?.includes("engines") === true) continue
      assert.isTrue(readOnly, service.name)
      assert.deepStrictEqual(dropped, ["ALL"], service.name)
    }
  })

  it("publish ports on loopback only, but for the proxy in production", () => {
    const exposed = ({ services }: typeof development) =>
      Object.entries(services).flatMap(([name, { ports = [] }]) =>
        ports.filter((port) => !port.startsWith("127.0.0.1:")).map((port) => `${name} ${port}`)
      )
    assert.deepStrictEqual(exposed(development), [])
    assert.deepStrictEqual(exposed(production), ["proxy 0.0.0.0:80:8080", "proxy 0.0.0.0:443:8443"])
  })

  it("set variables that the service reads", () => {
    for (const { model } of models) {
      const set = servicesOf(model)
        .filter(isOurs)
        .flatMap(({ environment = {} }) => Object.keys(environment))
      assert.isAtLeast(set.length, 40)
      assert.deepStrictEqual(
        set.filter((name) => !names.has(name)),
        []
      )
    }
  })

  for (const { model, name } of models) {
    it.effect(`give the API and the worker valid settings: ${name}`, () =>
      Effect.gen(function* () {
        const api = yield* apiSettings(model.services["api"]?.environment ?? {})
        const worker = yield* workerSettings(model.services["worker"]?.environment ?? {})
        assert.strictEqual(api.environment, name)
        for (const { host, database, redisUrl, rabbitmqUrl, logs, migrateOnStart } of [api, worker]) {
          assert.strictEqual(host, "0.0.0.0")
          assert.isTrue(Option.isSome(database) && Option.isSome(redisUrl) && Option.isSome(rabbitmqUrl))
          assert.strictEqual(logs.file, "/dev/null")
          assert.isFalse(migrateOnStart)
        }
        // The ports by which the proxy and Prometheus find them.
        assert.include(proxy, ` api:${api.port} `)
        assert.strictEqual(worker.port, 8001)
      })
    )
  }

  it("leave the programs more time than their shutdown takes", () => {
    for (const name of ["api", "worker"]) {
      const { environment, stop_grace_period: period = "" } = development.services[name] ?? {}
      assert.isAtLeast(secondsOf(period), Number(environment?.["SHUTDOWN_GRACE_SECONDS"]) + 5, name)
    }
    const [, hardStop = ""] = /hard-stop-after (\w+)/.exec(proxy) ?? []
    assert.isAbove(secondsOf(development.services["proxy"]?.stop_grace_period ?? ""), secondsOf(hardStop))
  })

  it("let an instance of the API serve until the proxy has noticed that it stops", () => {
    const [, interval = "", checks = ""] = /check inter (\w+) fall (\d+)/.exec(proxy) ?? []
    const notice = Number(development.services["api"]?.environment?.["SHUTDOWN_NOTICE_SECONDS"])
    assert.isAtLeast(notice, secondsOf(interval) * (Number(checks) + 1))
  })

  it("trust the address of the proxy, which no instance of the API can get", () => {
    const { networks } = development.services["proxy"] ?? {}
    const address = development.services["api"]?.environment?.["TRUSTED_PROXIES"]
    assert.deepStrictEqual(networks, { edge: { ipv4_address: address ?? "" } })
    assert.deepStrictEqual(development.networks["edge"], {
      ipam: { config: [{ subnet: "172.31.250.0/24", ip_range: "172.31.250.128/25" }] }
    })
    assert.strictEqual(address, "172.31.250.10")
  })

  it("require each secret in production, and have no default for one", () => {
    for (const name of requiredInProduction) {
      assert.throws(
        () => load(withProduction, { ...productionEnvironment, [name]: "" }),
        new RegExp(`required variable ${name} is missing`)
      )
    }
    const required = Array.from(read("infra/compose/production.yml").matchAll(/\$\{(\w+):\?/g), ([, name = ""]) => name)
    assert.deepStrictEqual([...new Set(required)].toSorted(), requiredInProduction.toSorted())
    // Neither with a default nor empty.
    assert.notMatch(read("infra/compose/production.yml"), /\$\{\w+(?::-|\})/)
    assert.notInclude(JSON.stringify(production), "guest")
    assert.notInclude(JSON.stringify(production), "trust")
  })
})

describe("the monitoring of production on one machine", () => {
  const { alertmanager, prometheus } = production.services
  const readConfiguration = (path: string): Configuration => parse(read(path))
  const folder = "infra/monitoring/prometheus"
  const inProduction = readConfiguration(`${folder}/prometheus-production.yml`)

  it("scrapes as in development, and presents the token that the API and the worker require", () => {
    const { scrape_configs: scraped } = readConfiguration(`${folder}/prometheus.yml`)
    const [tokenFile = ""] = inProduction.scrape_configs.map(({ authorization }) => authorization?.credentials_file)
    assert.deepStrictEqual(
      inProduction.scrape_configs,
      scraped.map((config) => ({ ...config, authorization: { credentials_file: tokenFile } }))
    )
    const [shell = "", flags = "", script = "", ...rest] = prometheus?.entrypoint ?? []
    const directory = mkdtempSync(join(tmpdir(), "compose-"))
    try {
      assert.deepStrictEqual(prometheus?.tmpfs, [dirname(tokenFile)])
      const here = script.replace(dirname(tokenFile), directory).replace("/bin/prometheus", "printf '%s\\n'")
      const environment = prometheus?.environment ?? {}
      const output = execFileSync(shell, [flags, here, ...rest, ...(prometheus?.command ?? [])], {
        env: environment,
        encoding: "utf8"
      })
      assert.deepStrictEqual(output.trim().split("\n"), prometheus?.command)
      const token = readFileSync(join(directory, basename(tokenFile)), "utf8")
      for (const name of ["api", "worker"]) {
        assert.strictEqual(production.services[name]?.environment?.["METRICS_TOKEN"], token)
      }
    } finally {
      rmSync(directory, { recursive: true })
    }
    assert.include(prometheus?.command ?? [], "--config.file=/etc/prometheus/prometheus-production.yml")
    assert.include(prometheus?.volumes ?? [], `./${folder}:/etc/prometheus:ro`)
  })

  it("sends alerts to an Alertmanager, whose example notifies of each severity", () => {
    const targets = inProduction.alerting?.alertmanagers.flatMap(({ static_configs: configs }) =>
      configs.flatMap(({ targets }) => targets)
    )
    assert.deepStrictEqual(targets, ["alertmanager:9093"])
    assert.deepStrictEqual(alertmanager?.networks, prometheus?.networks)
    assert.include(alertmanager?.command ?? [], `--config.file=/run/secrets/${alertmanager?.secrets?.[0]}`)
    const example: { readonly route: Route; readonly receivers: ReadonlyArray<{ readonly name: string }> } = parse(
      read("infra/compose/alertmanager.example.yml")
    )
    const severities = new Set(rules().flatMap(({ labels }) => labels?.["severity"] ?? []))
    assert.sameMembers([...severities], ["critical", "warning"])
    assert.deepStrictEqual(
      example.route.routes?.flatMap(({ matchers }) => matchers),
      [`severity="critical"`]
    )
    assert.sameMembers(
      [example.route, ...(example.route.routes ?? [])].map(({ receiver }) => receiver),
      example.receivers.map(({ name }) => name)
    )
  })
})

describe("Redis of production on one machine", () => {
  it("reads its password from its input and not from its arguments", () => {
    const { command: [shell = "", ...args] = [], environment = {} } = production.services["redis"] ?? {}
    assert.notInclude(args.join(" "), secret("REDIS_PASSWORD"))
    const directory = mkdtempSync(join(tmpdir(), "compose-"))
    try {
      // In the place of the entry point of the image, which ends by executing its arguments.
      writeFileSync(join(directory, "docker-entrypoint.sh"), `#!/bin/sh\nprintf '%s\\n' "$@"\ncat\n`, { mode: 0o755 })
      const output = execFileSync(shell, args, {
        env: { ...environment, PATH: `${directory}:${process.env["PATH"]}` },
        encoding: "utf8"
      })
      assert.deepStrictEqual(output.trim().split("\n"), [
        "redis-server",
        "-",
        ...(development.services["redis"]?.command ?? []).slice(1),
        `requirepass ${secret("REDIS_PASSWORD")}`
      ])
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

describe("PostgreSQL of production on one machine", () => {
  const { cli, migrate, postgres, ...others } = production.services

  it("has its data in a folder of the volume, which a restore can move, and the variables of the guide's blocks", () => {
    const { BACKUP, DATABASE, PGDATA = "", PGUSER, POSTGRES_DB } = postgres?.environment ?? {}
    const targets = new Map((postgres?.volumes ?? []).map((volume) => [volume.split(":")[1], volume.split(":")[0]]))
    assert.strictEqual(targets.get(dirname(PGDATA)), "postgres")
    assert.strictEqual(targets.get(BACKUP), productionEnvironment["BACKUP_FOLDER"])
    // Without PGHOST: by the socket, which requires no password inside the container.
    assert.deepStrictEqual([PGUSER, DATABASE], ["postgres", POSTGRES_DB])
    assert.notProperty(postgres?.environment, "PGHOST")
  })

  it("is used by a role of the service, whose password is not that of the superuser", () => {
    for (const service of [migrate, cli, others["api"], others["worker"]]) {
      const { DB_PASSWORD, DB_USER } = service?.environment ?? {}
      assert.deepStrictEqual([DB_USER, DB_PASSWORD], ["user_service", secret("DB_PASSWORD")])
    }
    assert.strictEqual(postgres?.environment?.["POSTGRES_PASSWORD"], secret("DB_ADMIN_PASSWORD"))
    assert.include(postgres?.volumes ?? [], "./infra/compose/postgres/role.sh:/docker-entrypoint-initdb.d/role.sh:ro")
  })
})

describe("the proxy of the Compose files", () => {
  it("serves exactly the public paths", () => {
    const [, exact = ""] = /acl is_public path (.+)/.exec(proxy) ?? []
    const [, prefixes = ""] = /acl is_public path_beg (.+)/.exec(proxy) ?? []
    const [, health = ""] = /acl is_health path (.+)/.exec(proxy) ?? []
    assert.match(proxy, /http-request return status 404 .* if !is_public or is_health$/m)
    const isServed = (path: string) =>
      (exact.split(" ").includes(path) || prefixes.split(" ").some((prefix) => path.startsWith(prefix))) &&
      !health.split(" ").includes(path)
    assert.isAtLeast(publicPaths.length, 30)
    assert.includeMembers(
      [...internalPaths],
      ["/rpc", "/metrics", "/health", "/health/ready", "/api/v1/users/health/", "/internal/v1/users/x"]
    )
    assert.deepStrictEqual(
      publicPaths.filter((path) => !isServed(path)),
      []
    )
    assert.deepStrictEqual(internalPaths.filter(isServed), [])
  })
})
