// Our pages show no formula. Voila wants a MathJax all the same; this one does nothing and asks nobody.
window.MathJax = {Hub: {Config() {}, Configured() {}, Queue() {}, Register: {StartupHook() {}}, Typeset() {}}};
