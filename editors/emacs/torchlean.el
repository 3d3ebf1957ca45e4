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

(require 'cl-lib)
(require 'eglot)
(require 'js)
(require 'subr-x)

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
    :initializationOptions (:trusted ,(if torchlean-trusted t :json-false) :confirms t)))

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

(defun torchlean--server ()
  "The language server of this buffer, which visits a file."
  (unless buffer-file-name
    (user-error "This buffer visits no file"))
  (or (eglot-current-server)
      (user-error "No language server here; try M-x eglot")))

(defun torchlean--execute (command &rest arguments)
  "Let the server execute COMMAND for this file, with the property list ARGUMENTS."
  (torchlean--request command (append (list :uri (torchlean--uri)) arguments) #'torchlean--show))

(defun torchlean--request (command argument on-result)
  "Let the server execute COMMAND with ARGUMENT, and give the answer to ON-RESULT."
  (let ((server (torchlean--server))
        (buffer (current-buffer)))
    (when (buffer-modified-p)
      (save-buffer))
    (jsonrpc-async-request
     server :workspace/executeCommand (list :command command :arguments (vector argument))
     :timeout nil
     :success-fn on-result
     ;; Asked outside of the reply: a question there would hold up the connection.
     :error-fn (lambda (problem)
                 (run-at-time 0 nil #'torchlean--failed buffer command argument on-result problem)))))

(defun torchlean--show (result)
  "Show the message of RESULT."
  (let ((text (or (plist-get result :message) (plist-get result :output))))
    (when (stringp text)
      (message "TorchLean: %s" text))))

(defun torchlean--failed (buffer command argument on-result problem)
  "Ask what PROBLEM wants to know, and run COMMAND with ARGUMENT again in BUFFER.
ON-RESULT gets the answer.  Show the message where there is no question."
  (let* ((data (plist-get problem :data))
         (confirm (plist-get data :confirm))
         (input (plist-get data :input))
         (more (cond
                (confirm (and (y-or-n-p (format "%s %s? " (plist-get confirm :question)
                                                (plist-get confirm :accept)))
                              (plist-get confirm :argument)))
                (input (list (intern (concat ":" (plist-get input :argument)))
                             (read-string (format "%s: " (plist-get input :question))
                                          (plist-get input :value))))
                (t (message "TorchLean: %s" (plist-get problem :message))
                   nil))))
    (when (and more (buffer-live-p buffer))
      (with-current-buffer buffer
        (torchlean--request command (append more (torchlean--without :ask argument)) on-result)))))

(defun torchlean--without (key properties)
  "PROPERTIES without KEY."
  (cl-loop for (name value) on properties by #'cddr
           unless (eq name key) append (list name value)))

(defun torchlean--models ()
  "What the command that captures takes, for each model of this file.
The server finds them."
  (let ((lenses (jsonrpc-request (torchlean--server) :textDocument/codeLens
                                 (list :textDocument (list :uri (torchlean--uri))))))
    (cl-loop for lens across lenses
             for command = (plist-get lens :command)
             when (equal (plist-get command :command) "torchlean.capture")
             collect (aref (plist-get command :arguments) 0))))

(defun torchlean--force ()
  "The argument that a prefix argument stands for: replace what is there."
  (and current-prefix-arg (list :force t)))

(defun torchlean-emit ()
  "Write the PyTorch module of this artifact.
With a prefix argument also over a module that was edited by hand."
  (interactive)
  (apply #'torchlean--execute "torchlean.emit" (torchlean--force)))

(defun torchlean-capture (name)
  "Capture the model NAME of this Python file.
The shape of its input is asked for where the file has none.
With a prefix argument an artifact that exists is replaced.
This runs the file."
  (interactive
   (let ((names (mapcar (lambda (model) (plist-get model :name)) (torchlean--models))))
     (cond ((null names) (user-error "This file has no model that can be captured"))
           ((cdr names) (list (completing-read "Capture: " names nil t)))
           (t names))))
  (let ((model (cl-find name (torchlean--models) :key (lambda (one) (plist-get one :name)) :test #'equal)))
    (unless model
      (user-error "This file has no model %s that can be captured" name))
    (torchlean--request "torchlean.capture" (append (torchlean--force) model) #'torchlean--show)))

(defun torchlean-graph ()
  "Show the graph of this artifact as text in another window."
  (interactive)
  (let ((name (format "*TorchLean graph: %s*" (buffer-name))))
    (torchlean--request
     "torchlean.showGraph" (list :uri (torchlean--uri) :format "text")
     (lambda (result)
       (with-current-buffer (get-buffer-create name)
         (let ((inhibit-read-only t))
           (erase-buffer)
           (insert (plist-get result :content))
           (goto-char (point-min)))
         (special-mode)
         (setq truncate-lines t)
         (display-buffer (current-buffer)))))))

(defun torchlean-init ()
  "Write new parameters for this artifact.
With a prefix argument also over existing ones."
  (interactive)
  (apply #'torchlean--execute "torchlean.init" (torchlean--force)))

(defun torchlean-train (data steps)
  "Train this artifact for STEPS steps with the samples in the file DATA.
Where DATA is empty, with synthetic ones: random inputs, and targets that
another network of the same graph makes of them."
  (interactive
   (list (read-file-name "Samples (none: synthetic data): " nil "" nil "")
         (read-number "Steps: " 200)))
  (apply #'torchlean--execute "torchlean.train" :steps steps
         (unless (string-empty-p data) (list :data (expand-file-name data)))))

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
