import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { load, root } from "./ComposeModel.ts"
import { workloadsOf } from "./KubernetesModel.ts"
import { render } from "./Kustomization.ts"

const text = (path: string) => readFileSync(join(root, path), "utf8")

const dockerfile = text("infra/images/Dockerfile")
const stages = new Map(
  dockerfile
    .split(/^FROM /m)
    .slice(1)
    .map((stage) => [/ AS (\w+)$/m.exec(stage)?.[1] ?? "", stage])
)
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
})
