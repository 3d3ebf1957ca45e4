;;; torchlean.el --- TorchLean IR artifacts -*- lexical-binding: t; -*-

;; Copyright (c) 2026 TorchLean LS contributors
;; SPDX-License-Identifier: MIT
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1") (eglot "1.9"))
;; Keywords: languages, tools

;;; Commentary:

;; A major mode for `torchlean.ir.v1' artifacts (*.ir.json, *.torchlean.json) and their language server:
;;
;;   (require 'torchlean)
;;   (add-hook 'torchlean-ir-mode-hook #'eglot-ensure)
;;
;; The server is the program `torchlean' (pip install torchlean-ls).  `torchlean-eglot-setup-python' makes it the server
;; of Python buffers too, in the place of another one: Eglot runs one server per mode.

;;; Code:

(require 'eglot)
(require 'js)

(defgroup torchlean nil
  "TorchLean IR artifacts."
  :group 'languages
  :prefix "torchlean-")

(defcustom torchlean-server-command '("torchlean" "server" "--stdio")
  "Command line of the language server."
  :type '(repeat string))

(defcustom torchlean-trusted t
  "Whether the server may run code of the project when a command asks for it.
Capture does."
  :type 'boolean)

;;;###autoload
(define-derived-mode torchlean-ir-mode js-mode "TorchLean IR"
  "Major mode for `torchlean.ir.v1' artifacts."
  (setq-local js-indent-level 2)
  (setq-local comment-start nil))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.\\(?:ir\\|torchlean\\)\\.json\\'" . torchlean-ir-mode))

(put 'torchlean-ir-mode 'eglot-language-id "json")

(defun torchlean--contact (&optional _interactive)
  "The language server, in the form that `eglot-server-programs' wants."
  `(,@torchlean-server-command
    :initializationOptions (:trusted ,(if torchlean-trusted t :json-false))))

(add-to-list 'eglot-server-programs '(torchlean-ir-mode . torchlean--contact))

;;;###autoload
(defun torchlean-eglot-setup-python ()
  "Use the TorchLean language server in Python buffers."
  (add-to-list 'eglot-server-programs
               (cons (if (boundp 'python-ts-mode-hook) '(python-mode python-ts-mode) 'python-mode)
                     'torchlean--contact)))

(defun torchlean--uri ()
  "The URI of this buffer's file."
  (if (fboundp 'eglot-path-to-uri)
      (eglot-path-to-uri buffer-file-name)
    (with-no-warnings (eglot--path-to-uri buffer-file-name))))

(defun torchlean--execute (command &rest arguments)
  "Let the server execute COMMAND for this file, with the property list ARGUMENTS."
  (let ((server (eglot-current-server)))
    (unless server
      (user-error "No language server here; try M-x eglot"))
    (unless buffer-file-name
      (user-error "This buffer visits no file"))
    (save-buffer)
    (jsonrpc-async-request
     server :workspace/executeCommand
     (list :command command
           :arguments (vector (append (list :uri (torchlean--uri)) arguments)))
     :timeout nil
     :success-fn (lambda (result)
                   (let ((text (or (plist-get result :message) (plist-get result :output))))
                     (when (stringp text)
                       (message "TorchLean: %s" text))))
     :error-fn (lambda (problem)
                 (let ((confirm (plist-get (plist-get problem :data) :confirm)))
                   (if (null confirm)
                       (message "TorchLean: %s" (plist-get problem :message))
                     ;; Asked outside of the reply: a question there would hold up the connection.
                     (run-at-time 0 nil #'torchlean--confirm command arguments confirm)))))))

(defun torchlean--confirm (command arguments confirm)
  "Ask the question CONFIRM, and run COMMAND with ARGUMENTS again if the answer is yes."
  (when (y-or-n-p (format "%s %s? " (plist-get confirm :question) (plist-get confirm :accept)))
    (apply #'torchlean--execute command (append (plist-get confirm :argument) arguments))))

(defun torchlean--force ()
  "The argument that a prefix argument stands for: replace what is there."
  (and current-prefix-arg (list :force t)))

(defun torchlean-emit ()
  "Write the PyTorch module of this artifact.
With a prefix argument also over a module that was edited by hand."
  (interactive)
  (apply #'torchlean--execute "torchlean.emit" (torchlean--force)))

(defun torchlean-capture (name shape)
  "Capture the model NAME of this Python file with an example input of SHAPE.
An empty SHAPE stands for the one in the file or in torchlean.toml.
With a prefix argument an artifact that exists is replaced.
This runs the file."
  (interactive "sClass: \nsShape of the example input (such as 1,4): ")
  (apply #'torchlean--execute "torchlean.capture" :name name
         (append (torchlean--force)
                 (unless (string-empty-p shape) (list :exampleShape shape)))))

(defun torchlean-init ()
  "Write new parameters for this artifact.
With a prefix argument also over existing ones."
  (interactive)
  (apply #'torchlean--execute "torchlean.init" (torchlean--force)))

(defun torchlean-train (steps)
  "Train this artifact for STEPS steps."
  (interactive "nSteps: ")
  (torchlean--execute "torchlean.train" :steps steps))

(defun torchlean-convert ()
  "Write this artifact in the other dialect, beside it and with its parameters.
With a prefix argument also over a file that is there, which is kept."
  (interactive)
  (apply #'torchlean--execute "torchlean.convert" (torchlean--force)))

(defun torchlean-stop ()
  "Stop the work that runs for this file."
  (interactive)
  (torchlean--execute "torchlean.stop"))

(provide 'torchlean)
;;; torchlean.el ends here
