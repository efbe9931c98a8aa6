import { ReasonDialog } from "../ui/ReasonDialog.tsx"
import type { UserAct } from "./UserActs.ts"
import type { UserView } from "./UserQuery.ts"

interface ActDialogProps {
  readonly act: UserAct
  readonly target: string
  readonly record: UserView
  readonly onClose: () => void
  /** Called with a sentence about what has happened. */
  readonly onDone: (result: string) => void
}

/** The dialog of an act on a user. */
export const ActDialog = ({ act, record, target, ...handlers }: ActDialogProps) => (
  <ReasonDialog
    {...handlers}
    label={act.label}
    effect={act.effect(record, target)}
    isDestructive={act.isDestructive}
    fields={act.fields?.(record)}
    perform={(input) => act.perform({ record, target, ...input })}
  />
)
