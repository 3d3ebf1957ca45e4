;;; probe.el --- Run inside Emacs by test_emacs.py -*- lexical-binding: t; -*-

;;; Commentary:

;; Does what a user does, writes what was seen as JSON to $TORCHLEAN_REPORT, and quits.

;;; Code:

(require 'json)
(require 'torchlean)

(defvar probe-patience 60 "Seconds that are waited for each thing that has to happen.")
(defvar probe-asked nil "The questions that were asked, the last one first.")
(defvar probe-seen nil "What was seen, by name.")

(defun probe-wait (what condition)
  "Wait until CONDITION holds; WHAT is it, in words."
  (let ((until (+ (float-time) probe-patience)))
    (while (not (funcall condition))
      (when (> (float-time) until)
        (error "Waited in vain: %s" what))
      (accept-process-output nil 0.05))))

(defun probe-see (name value)
  "Keep VALUE under NAME for the report."
  (push (cons name value) probe-seen))

(defun probe-open (file)
  "Visit FILE, and wait for its server."
  (find-file file)
  (eglot-ensure)
  (run-hooks 'post-command-hook)
  (probe-wait "the server" #'eglot-current-server))

(defun probe-findings ()
  "The codes that Flymake shows here."
  (mapcar #'flymake-diagnostic-text (flymake-diagnostics)))

;; What a user answers: whatever is proposed.
(advice-add 'read-string :override
            (lambda (prompt &optional value &rest _)
              (push prompt probe-asked)
              value))

(defun probe-artifact ()
  "A wrong artifact is marked, mended, drawn and emitted."
  (probe-open "model.ir.json")
  (probe-see 'mode (symbol-name major-mode))
  (flymake-start)
  (probe-wait "the finding" (lambda () (flymake-start) (probe-findings)))
  (probe-see 'findings (vconcat (probe-findings)))
  (goto-char (flymake-diagnostic-beg (car (flymake-diagnostics))))
  (cl-letf (((symbol-function 'completing-read)
             (lambda (_ actions &rest _)
               (cl-find-if (lambda (title) (string-match-p "Set shape" title))
                           (mapcar (lambda (one) (if (consp one) (car one) one)) actions)))))
    (let ((last-nonmenu-event t)) ; as if called by a key
      (call-interactively #'eglot-code-actions)))
  (probe-see 'text (buffer-string))
  (torchlean-emit)
  (probe-wait "the module" (lambda () (file-exists-p "model.py")))
  (torchlean-graph)
  (probe-wait "the graph" (lambda () (get-buffer "*TorchLean graph: model.ir.json*")))
  (with-current-buffer "*TorchLean graph: model.ir.json*"
    (probe-see 'graph (buffer-string))))

(defun probe-model ()
  "A model whose shape nobody knows is captured."
  (torchlean-eglot-setup-python)
  (probe-open "net.py")
  (call-interactively #'torchlean-capture)
  (probe-wait "the artifact" (lambda () (file-exists-p "net.ir.json"))))

(defun probe-run (step)
  "Do STEP, and report."
  (condition-case problem
      (funcall step)
    (error (probe-see 'problem (error-message-string problem))))
  (probe-see 'asked (vconcat (reverse probe-asked)))
  (with-temp-file (getenv "TORCHLEAN_REPORT")
    (insert (json-encode probe-seen)))
  (kill-emacs 0))

(provide 'probe)
;;; probe.el ends here
