import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { load, root } from "./ComposeModel.ts"
import { workloadsOf } from "./KubernetesModel.ts"
import { read, render } from "./Kustomization.ts"

const text = (path: string) => readFileSync(join(root, path), "utf8")

const dockerfile = text("infra/images/Dockerfile")
const stages = new Map(
  dockerfile
    .split(/^FROM /m)
    .slice(1)
    .map((stage) => [/ AS (\w+)$/m.exec(stage)?.[1] ?? "", stage])
)
const prometheus = text("infra/monitoring/prometheus/prometheus.yml")

const { services } = load(["docker-compose.yml"])
const ours = Object.entries(services).filter(([, { image }]) => image.startsWith("user-service-"))
const overlays = globSync("infra/kubernetes/overlays/*", { cwd: root }).map((path) => render(path))

describe("the files of Compose and Kubernetes", () => {
  it("use the images of the Dockerfile", () => {
    assert.lengthOf(ours, 4)
    for (const [name, { build, image }] of ours) {
      assert.strictEqual(build?.dockerfile, "infra/images/Dockerfile", name)
      const target = build?.target ?? ""
      assert.isTrue(stages.has(target), name)
      assert.strictEqual(image, `user-service-${target}:local`)
    }
    for (const { container } of overlays.flatMap(workloadsOf)) {
      const [, target = "", tag = ""] = /^user-service-(\w+):(.+)$/.exec(container.image) ?? []
      assert.isTrue(stages.has(target), container.image)
      assert.isNotEmpty(tag, container.image)
    }
  })

  it("rely on what the images have: their user, their start and their health checks", () => {
    assert.include(dockerfile, "USER 10001:10001")
    // The commands of Compose and the args of Kubernetes come after it.
    assert.include(dockerfile, `ENTRYPOINT ["node", "main.js"]`)
    for (const target of ["api", "worker"]) assert.include(stages.get(target), "HEALTHCHECK")
    // A new volume that Docker mounts there gets the owner of the folder.
    assert.include(dockerfile, "chown 10001:10001 var/lib/user-service")
  })

  it("mount files and folders that are there", () => {
    const sources = Object.values(services)
      .flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(":")[0] ?? ""))
      .filter((source) => source.startsWith("."))
    assert.lengthOf(sources, 4)
    assert.deepStrictEqual(
      sources.filter((source) => !existsSync(join(root, source))),
      []
    )
  })

  it("mount the boards where Grafana's provisioning looks for them, and have the Prometheus that it names", () => {
    const { grafana, prometheus: server } = services
    const targets = (grafana?.volumes ?? []).map((volume) => volume.split(":").slice(0, 2))
    const [, boards = ""] =
      /^ +path: (\S+)$/m.exec(text("infra/monitoring/grafana/provisioning/dashboards/user-service.yml")) ?? []
    assert.deepInclude(targets, ["./infra/monitoring/grafana/dashboards", boards])
    assert.include(
      text("infra/monitoring/grafana/provisioning/datasources/prometheus.yml"),
      "url: http://prometheus:9090"
    )
    assert.deepStrictEqual(server?.networks, grafana?.networks)
  })

  it("have the names and ports that Prometheus scrapes", () => {
    const targets = Array.from(
      prometheus.matchAll(/job_name: (\S+)\n\s+dns_sd_configs:\n\s+- names: \[(\w+)\]\n\s+type: A\n\s+port: (\d+)/g),
      ([, job = "", service = "", port = ""]) => ({ job, service, port })
    )
    const { api, worker } = services
    assert.deepStrictEqual(targets, [
      { job: "user-service-api", service: "api", port: api?.environment?.["PORT"] ?? "" },
      { job: "user-service-worker", service: "worker", port: worker?.environment?.["WORKER_PORT"] ?? "" }
    ])
    const example = Array.from(
      text("infra/monitoring/prometheus/prometheus-systemd.yml").matchAll(
        /job_name: (user-service-(\w+))\n[^]*?- targets: \[127\.0\.0\.1:(\d+)\]/g
      ),
      ([, job = "", service = "", port = ""]) => ({ job, service, port })
    )
    assert.deepStrictEqual(example, targets)
    for (const [variable, { port } = {}] of [
      ["PORT", targets[0]],
      ["WORKER_PORT", targets[1]]
    ] as const) {
      assert.match(text(".env.example"), new RegExp(`^#?${variable}=${port}$`, "m"))
    }
    const monitors = JSON.stringify(read("infra/kubernetes/components/prometheus-operator/pod-monitors.yaml"))
    for (const { job } of targets) assert.include(monitors, `{"targetLabel":"job","replacement":"${job}"}`)
  })
})
