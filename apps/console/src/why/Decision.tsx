import type { ReactNode } from "react"
import { Badge } from "../ui/Badge.tsx"
import { DataTable } from "../ui/DataTable.tsx"
import { Time } from "../ui/Time.tsx"
import { isSwitch, timeText } from "../users/Settings.ts"
import { requirements, valueLabel } from "./RuleNames.ts"
import type { Explanation } from "./WhyQuery.ts"

type Check = Explanation["checks"][number]
type Value = Check["facts"][number]

const tones = { allow: "good", deny: "bad", defer: "warn" } as const
const words = { allow: "Allowed", deny: "Denied", defer: "Deferred" } as const

/** The decision in a word. */
export const DecisionBadge = ({ decision: { decision } }: { decision: Pick<Explanation, "decision"> }) => (
  <Badge tone={tones[decision]}>{words[decision]}</Badge>
)

/** All rules of a decision in order: which passed, which one decided, and what each of them looked at. */
export const RulesTable = ({ decision, label }: { decision: Explanation; label: string }) => {
  // Quiet hours may be none. They are unknown if the switches of the same version of the preferences are unknown too.
  const hasSettings = decision.checks.some(({ facts }) =>
    facts.some(({ name, value }) => isSwitch(name) && value !== null)
  )
  return (
    <div className="rules">
      <DataTable
        label={label}
        empty=""
        rows={decision.checks.map((check, index) => ({ ...check, position: index + 1 }))}
        keyOf={({ rule }) => rule}
        columns={[
          {
            title: "Rule",
            cell: ({ position, rule }) => (
              <>
                <div>
                  {position}. {requirements[rule]}
                </div>
                <code className="soft">{rule}</code>
              </>
            )
          },
          { title: "Outcome", cell: (check) => <Outcome check={check} /> },
          {
            title: "Looked at",
            cell: ({ facts }) => (
              <dl className="values">
                {facts.map((fact) => (
                  <div key={fact.name}>
                    <dt>{valueLabel(fact.name)}</dt>
                    <dd>{valueOf(fact, hasSettings)}</dd>
                  </div>
                ))}
              </dl>
            )
          }
        ]}
      />
    </div>
  )
}

const Outcome = ({ check: { passed, until } }: { check: Check }) => {
  if (passed === null) return <Badge>not reached</Badge>
  if (passed) return <Badge tone="good">passed</Badge>
  return until === null ? (
    <Badge tone="bad">stopped here</Badge>
  ) : (
    <>
      <div>
        <Badge tone="warn">stopped here</Badge>
      </div>
      <div className="soft">
        until <Time at={until} />
      </div>
    </>
  )
}

const valueOf = ({ name, value }: Value, hasSettings: boolean): ReactNode => {
  if (value === null) {
    return <span className="soft">{hasSettings && name.startsWith("do_not_disturb_") ? "none" : "not known"}</span>
  }
  if (typeof value === "boolean") return isSwitch(name) ? onOrOff(value) : value ? "yes" : "no"
  if (name.startsWith("do_not_disturb_")) return timeText(String(value))
  if (name === "suppressed_since") return <Time at={String(value)} />
  return name === "suppression_reason" ? String(value).replaceAll("_", " ") : value
}

const onOrOff = (isOn: boolean): string => (isOn ? "on" : "off")
