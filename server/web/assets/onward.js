document.querySelector("#onward")?.submit();
