import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { parse } from "yaml"
import { root } from "./ComposeModel.ts"
import { environmentOf, named, ofKind, settingsMap, workloadsOf } from "./KubernetesModel.ts"
import { schemaProblems, typeProblems } from "./KubernetesSchemas.ts"
import { hasKubectl, type Manifest, render, renderByKubectl } from "./Kustomization.ts"
import { boards, dashboardsFolder, ruleGroups } from "./MonitoringFiles.ts"
import { internalPaths, publicPaths } from "./PublicPaths.ts"
import { apiSettings, names, workerSettings } from "./Settings.ts"

const text = (path: string) => readFileSync(join(root, path), "utf8")

const overlays = globSync("infra/kubernetes/overlays/*", { cwd: root }).map((path) => ({
  path,
  name: basename(path),
  manifests: render(path)
}))
const base = render("infra/kubernetes/base")

const Ingress = Schema.Struct({
  spec: Schema.Struct({
    rules: Schema.Tuple([
      Schema.Struct({
        host: Schema.String,
        http: Schema.Struct({
          paths: Schema.Array(
            Schema.Struct({
              path: Schema.String,
              pathType: Schema.Literals(["Prefix", "Exact"]),
              backend: Schema.Struct({
                service: Schema.Struct({ name: Schema.String, port: Schema.Struct({ name: Schema.String }) })
              })
            })
          )
        })
      })
    ])
  })
})
const Autoscaler = Schema.Struct({
  spec: Schema.Struct({
    scaleTargetRef: Schema.Struct({ kind: Schema.String, name: Schema.String }),
    minReplicas: Schema.Int,
    maxReplicas: Schema.Int,
    metrics: Schema.Array(
      Schema.Struct({
        type: Schema.String,
        external: Schema.optionalKey(Schema.Struct({ metric: Schema.Struct({ name: Schema.String }) }))
      })
    )
  })
})
const Rules = Schema.Struct({ spec: Schema.Struct({ groups: Schema.Array(Schema.Unknown) }) })
const Board = Schema.Struct({
  metadata: Schema.Struct({ name: Schema.String, labels: Schema.Record(Schema.String, Schema.String) }),
  data: Schema.Record(Schema.String, Schema.String)
})
const Selecting = Schema.Struct({
  spec: Schema.Union([
    Schema.Struct({ podSelector: Schema.Struct({ matchLabels: Schema.Record(Schema.String, Schema.String) }) }),
    Schema.Struct({ selector: Schema.Struct({ matchLabels: Schema.Record(Schema.String, Schema.String) }) })
  ])
})

describe("the manifests for Kubernetes", () => {
  for (const { manifests, name } of overlays) {
    it(`are valid by the published schemas: ${name}`, () => {
      assert.isAtLeast(manifests.length, 15)
      assert.deepStrictEqual(schemaProblems(manifests), [])
    })
  }

  for (const { manifests, name, path } of overlays) {
    it.skipIf(!hasKubectl)(`are rendered by kustomize as by its model here: ${name}`, () => {
      const byName = (all: ReadonlyArray<Manifest>) =>
        all.toSorted((a, b) => `${a.kind} ${a.metadata.name}`.localeCompare(`${b.kind} ${b.metadata.name}`))
      assert.deepStrictEqual(byName(renderByKubectl(path)), byName(manifests))
    })
  }

  it("have no field and no constant that the schemas do not know", async () => {
    assert.strictEqual(await typeProblems(overlays.flatMap(({ manifests }) => manifests)), "")
  })

  it("would be refused with a misspelt field, an unknown constant or a wrong type", async () => {
    const changed = (from: string, to: string): ReadonlyArray<Manifest> => {
      const written = JSON.stringify(base)
      assert.include(written, from)
      return JSON.parse(written.replace(from, to))
    }
    assert.include(await typeProblems(changed("readinessProbe", "readinesProbe")), "readinesProbe")
    assert.include(await typeProblems(changed(`"Never"`, `"Sometimes"`)), "Sometimes")
    assert.match(schemaProblems(changed(`"containerPort":8000`, `"containerPort":"8000"`)).join(), /containerPort/)
    assert.match(schemaProblems(changed(`"scaleTargetRef"`, `"target"`)).join(), /scaleTargetRef/)
  })

  it("are all in the namespace of their overlay, which admits only restricted pods", () => {
    for (const { manifests } of overlays) {
      const [namespace] = ofKind(manifests, "Namespace")
      assert.strictEqual(namespace?.metadata.labels?.["pod-security.kubernetes.io/enforce"], "restricted")
      const others = manifests.filter(({ kind }) => kind !== "Namespace")
      assert.deepStrictEqual(
        others
          .filter(({ metadata }) => metadata.namespace !== namespace?.metadata.name)
          .map(({ metadata }) => metadata),
        []
      )
    }
  })

  it("run each container as the Pod Security Standard `restricted` requires, on a read-only file system", () => {
    const workloads = overlays.flatMap(({ manifests }) => workloadsOf(manifests))
    assert.lengthOf(workloads, 12)
    for (const { container, name, pod } of workloads) {
      assert.strictEqual(container.envFrom[0].configMapRef.name, "user-service-settings")
      const { fsGroup = 10001, ...context } = pod.securityContext
      assert.strictEqual(fsGroup, 10001)
      assert.deepStrictEqual(
        context,
        { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: { type: "RuntimeDefault" } },
        name
      )
      assert.deepStrictEqual(
        container.securityContext,
        { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
        name
      )
      assert.isFalse(pod.automountServiceAccountToken, name)
      // Otherwise a Service named `db` or `worker` would change DB_PORT or WORKER_PORT.
      assert.isFalse(pod.enableServiceLinks, name)
      assert.isDefined(named(base, "ServiceAccount", pod.serviceAccountName))
    }
  })

  for (const { manifests, name } of overlays) {
    it.effect(`give the API and the worker valid settings: ${name}`, () =>
      Effect.gen(function* () {
        const set = workloadsOf(manifests).flatMap((workload) => Object.keys(environmentOf(manifests, workload.name)))
        assert.isAtLeast(set.length, 30)
        assert.deepStrictEqual(
          set.filter((variable) => !names.has(variable)),
          []
        )
        const api = yield* apiSettings(environmentOf(manifests, "user-service-api"))
        const worker = yield* workerSettings(environmentOf(manifests, "user-service-worker"))
        assert.strictEqual(api.environment, "production")
        assert.isNotEmpty(api.edge.trustedProxies)
        // The names by which callers in the same and in other namespaces find the Service.
        const { namespace } = named(manifests, "Service", "user-service-api").metadata
        for (const host of ["user-service-api", `user-service-api.${namespace}`, ".svc", ".svc.cluster.local"]) {
          assert.include(api.edge.allowedHosts, host)
        }
        for (const [workload, { host, logs, migrateOnStart, port }] of [
          ["user-service-api", api],
          ["user-service-worker", worker]
        ] as const) {
          assert.strictEqual(host, "0.0.0.0")
          assert.strictEqual(logs.file, "/dev/null")
          assert.isFalse(migrateOnStart)
          const { container, pod } = workloadsOf(manifests).find((one) => one.name === workload) ?? assert.fail()
          assert.deepStrictEqual(container.ports, [{ name: "http", containerPort: port }])
          const grace = Number(settingsMap(manifests)["SHUTDOWN_GRACE_SECONDS"])
          assert.isAtLeast(pod.terminationGracePeriodSeconds ?? 0, grace + 5)
          assert.deepStrictEqual(
            [container.startupProbe, container.readinessProbe, container.livenessProbe].map((probe) => probe?.httpGet),
            ["/health/live", "/health/ready", "/health/live"].map((path) => ({ path, port: "http" }))
          )
        }
      })
    )
  }

  it("migrate in a Job with a role of its own, which nothing else has", () => {
    const users = workloadsOf(overlays[0]?.manifests ?? []).map(({ container, name }) => ({
      name,
      args: container.args,
      secret: container.env.find((variable) => variable.name === "DATABASE_URL")?.valueFrom?.secretKeyRef.name
    }))
    assert.deepStrictEqual(users, [
      { name: "user-service-api", args: undefined, secret: "user-service-engines" },
      { name: "user-service-worker", args: undefined, secret: "user-service-engines" },
      { name: "user-service-migrate", args: ["migrate"], secret: "user-service-migration" },
      { name: "user-service-commands", args: ["--help"], secret: "user-service-engines" },
      {
        name: "user-service-erasure-export",
        args: ["erasures", "export", "--file", "/var/lib/user-service/erasures.txt"],
        secret: "user-service-engines"
      },
      {
        name: "user-service-erasure-replay",
        args: ["erasures", "replay", "/var/lib/user-service/erasures.txt"],
        secret: "user-service-engines"
      }
    ])
  })

  it("mount the key file into the API and into the Jobs of the operator, readable for their user only", () => {
    for (const { manifests } of overlays) {
      const withKeys = workloadsOf(manifests).filter(({ container }) =>
        container.env.some(({ name }) => name === "JWT_KEYS_FILE")
      )
      assert.deepStrictEqual(
        withKeys.map(({ name }) => name),
        ["user-service-api", "user-service-commands", "user-service-erasure-replay"]
      )
      for (const { container, name, pod } of withKeys) {
        const mount = container.volumeMounts?.find((one) => one.name === "keys")
        assert.strictEqual(
          environmentOf(manifests, name)["JWT_KEYS_FILE"],
          `${mount?.mountPath}/jwt-keys.json`,
          `${name} reads it where it is mounted`
        )
        assert.strictEqual(pod.securityContext.fsGroup, 10001, name)
        const keys = pod.volumes?.find((one) => one.name === "keys")?.projected ?? assert.fail(name)
        assert.strictEqual(keys.defaultMode, 0o440, name)
        assert.deepInclude(keys.sources, {
          secret: { name: "user-service-keys", items: [{ key: "jwt-keys.json", path: "jwt-keys.json" }] }
        })
      }
    }
  })

  it("are labelled so that the Job and all it needs, but no pod of the release, can be applied first", () => {
    for (const { manifests } of overlays) {
      const first = manifests.filter(({ metadata }) =>
        ["settings", "migration"].includes(metadata.labels?.["app.kubernetes.io/component"] ?? "")
      )
      const kinds = new Set(first.map(({ kind }) => kind))
      assert.sameMembers([...kinds], ["Namespace", "ServiceAccount", "ConfigMap", "NetworkPolicy", "Job"])
      assert.lengthOf(
        manifests.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === undefined),
        0
      )
    }
  })

  it("contain no secret, but refer to those that the guide creates", () => {
    assert.deepStrictEqual(ofKind(base, "Secret"), [])
    const guide = text("infra/docs/deployment.md")
    const referred = [...JSON.stringify(overlays).matchAll(/"(?:secret|secretKeyRef|credentials)":\{"name":"([^"]+)"/g)]
    assert.isAtLeast(referred.length, 10)
    for (const [, name = ""] of referred) assert.include(guide, `create secret generic ${name} `)
    for (const { manifests } of overlays) {
      const written = Object.keys(settingsMap(manifests))
      assert.deepStrictEqual(
        written.filter((name) => /PASSWORD|SECRET|TOKEN$|_KEYS$|^(?:DATABASE|REDIS|RABBITMQ)_URL$/.test(name)),
        []
      )
    }
  })

  it("select the pods that they are about", () => {
    const pods = workloadsOf(overlays[0]?.manifests ?? [])
    const selecting = ofKind(overlays[0]?.manifests ?? [], "PodDisruptionBudget", "NetworkPolicy", "PodMonitor")
    assert.lengthOf(selecting, 8)
    for (const manifest of selecting) {
      const { spec } = Schema.decodeUnknownSync(Selecting)(manifest)
      const { matchLabels } = "podSelector" in spec ? spec.podSelector : spec.selector
      const selected = pods.filter(({ labels }) =>
        Object.entries(matchLabels).every(([key, value]) => labels[key] === value)
      )
      const isForAll = /deny-all|egress/.test(manifest.metadata.name)
      assert.deepStrictEqual(
        selected.map(({ name }) => name),
        isForAll ? pods.map(({ name }) => name) : [manifest.metadata.name]
      )
    }
    for (const { labels, name, selector } of pods.filter((pod) => pod.selector !== undefined)) {
      for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) {
        assert.strictEqual(labels[key], value, name)
      }
    }
  })

  it("scale by CPU, and the workers by the lag that they export", () => {
    const autoscalers = ofKind(base, "HorizontalPodAutoscaler").map((manifest) => ({
      name: manifest.metadata.name,
      ...Schema.decodeUnknownSync(Autoscaler)(manifest).spec
    }))
    for (const { minReplicas, name, scaleTargetRef } of autoscalers) {
      assert.deepStrictEqual(scaleTargetRef, { kind: "Deployment", name })
      assert.isDefined(named(base, "Deployment", name))
      assert.isAtLeast(minReplicas, 2)
    }
    const metricsOf = (name: string) => autoscalers.find((one) => one.name === name)?.metrics ?? []
    assert.deepStrictEqual(metricsOf("user-service-api"), [{ type: "Resource" }])
    const [, lag] = metricsOf("user-service-worker")
    const metric = lag?.external?.metric.name ?? ""
    assert.include(text("apps/worker/src/outbox/OutboxMetrics.ts"), `"${metric}"`)
    const Adapter = Schema.Struct({
      rules: Schema.Struct({
        external: Schema.Tuple([
          Schema.Struct({ seriesQuery: Schema.String, name: Schema.Struct({ as: Schema.String }) })
        ])
      })
    })
    const [rule] = Schema.decodeUnknownSync(Adapter)(parse(text("infra/kubernetes/prometheus-adapter.yaml"))).rules
      .external
    assert.strictEqual(rule.name.as, metric)
    assert.strictEqual(rule.seriesQuery, `${metric}{namespace!=""}`)
  })

  for (const { manifests, name } of overlays) {
    it(`have the rules of infra/monitoring, each once: ${name}`, () => {
      const groups = ofKind(manifests, "PrometheusRule").flatMap(
        (manifest) => Schema.decodeUnknownSync(Rules)(manifest).spec.groups
      )
      assert.isAtLeast(groups.length, 10)
      assert.sameDeepMembers(groups, [...ruleGroups("rules/*.yml"), ...ruleGroups("erasure-export/kubernetes.yml")])
    })
  }

  it("alert on the CronJob that exports the erasures, by its name", () => {
    const [{ rules = [] } = {}] = ruleGroups("erasure-export/kubernetes.yml")
    const names = rules.flatMap(({ expr }) => Array.from(expr.matchAll(/cronjob="([^"]+)"/g), ([, name = ""]) => name))
    assert.lengthOf(names, 3)
    for (const name of names) assert.isDefined(named(overlays[0]?.manifests ?? [], "CronJob", name))
  })

  it("have the boards of Grafana in production, each in a ConfigMap that its sidecar loads and `kubectl apply` accepts", () => {
    const ofOverlay = (overlay: string) =>
      ofKind(overlays.find(({ name }) => name === overlay)?.manifests ?? [], "ConfigMap")
        .filter(({ metadata }) => metadata.labels?.["grafana_dashboard"] === "1")
        .map((manifest) => Schema.decodeUnknownSync(Board)(manifest))
    assert.deepStrictEqual(ofOverlay("staging"), [])
    assert.sameDeepMembers(
      ofOverlay("production").map(({ data, metadata }) => [metadata.name, data]),
      boards().map(({ name, uid }) => [
        uid.replace("user-service-", "user-service-board-"),
        { [name]: readFileSync(join(dashboardsFolder, name), "utf8") }
      ])
    )
    for (const { data } of ofOverlay("production")) assert.isBelow(JSON.stringify(data).length, 200_000)
  })

  for (const { manifests, name } of overlays) {
    it(`route the public paths from outside, and no others: ${name}`, () => {
      const { rules } = Schema.decodeUnknownSync(Ingress)(named(manifests, "Ingress", "user-service")).spec
      const [{ host, http }] = rules
      assert.strictEqual(settingsMap(manifests)["PUBLIC_URL"], `https://${host}`)
      for (const { backend } of http.paths) {
        assert.deepStrictEqual(backend.service, { name: "user-service-api", port: { name: "http" } })
        assert.isDefined(named(manifests, "Service", backend.service.name))
      }
      const isRouted = (path: string) =>
        http.paths.some(
          (rule) => path === rule.path || (rule.pathType === "Prefix" && path.startsWith(`${rule.path}/`))
        )
      assert.deepStrictEqual(
        publicPaths.filter((path) => !isRouted(path)),
        []
      )
      assert.deepStrictEqual(internalPaths.filter(isRouted), [])
    })
  }
})
