import { type ReactNode, useEffect, useRef } from "react"
import { ReasonForm, type ReasonFormProps } from "./ReasonForm.tsx"

interface ReasonDialogProps<Result> extends Omit<ReasonFormProps<Result>, "onCancel"> {
  /** What the act will do. */
  readonly effect: ReactNode
  readonly onClose: () => void
}

/** Says what an act will do, asks for the reason, and performs it. */
export const ReasonDialog = <Result,>({ effect, onClose, ...form }: ReasonDialogProps<Result>) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="act-title" aria-describedby="act-effect" onClose={onClose}>
      <h2 id="act-title">{form.label}</h2>
      <p id="act-effect">{effect}</p>
      <ReasonForm {...form} onCancel={() => dialog.current?.close()} />
    </dialog>
  )
}
